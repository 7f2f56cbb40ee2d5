"""What holds for every tier: their order, who may use the cluster at the same time, and that nothing is skipped.

Tests that share the cluster hold a lock on it together; one that is marked `serial` holds it alone. The lock belongs
to the cluster and not to the run, so it also keeps two runs on one machine apart.
"""

import collections.abc
import contextlib
import fcntl
import pathlib

import pytest

from localcluster import layout

TESTS = pathlib.Path(__file__).parent
TIERS = ("unit", "contract", "packaging", "apiserver", "cluster")
"""In the order in which they run, so that what is cheap to find is found first."""
ON_THE_CLUSTER = ("contract", "apiserver", "cluster")


def tier(path: pathlib.Path) -> str:
    """The tier of a test file: the folder below tests/ that it is in."""
    return path.relative_to(TESTS).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (is_serial(item), TIERS.index(tier(item.path))))


def is_serial(item: pytest.Item) -> bool:
    """Whether a test needs the cluster for itself."""
    return item.get_closest_marker("serial") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> collections.abc.Generator[None, object, object]:
    with contextlib.ExitStack() as held:
        if is_serial(item) or tier(item.path) in ON_THE_CLUSTER:
            home = layout.from_environment().home
            home.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context((home / "tests.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX if is_serial(item) else fcntl.LOCK_SH)
        return (yield)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A test that finds its component missing has to fail: a tier that is skipped looks like one that passed."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason} (no test of this project may be skipped: what it needs has to be there)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> collections.abc.Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> collections.abc.Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_if_skipped(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what tests measured: the property `figure` of their reports."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for report in reports:
        figures = [text for name, text in report.user_properties if name == "figure"]
        if figures and report.when == "call":
            terminalreporter.section(report.nodeid, sep="-")
            terminalreporter.write_line("\n".join(figures))
