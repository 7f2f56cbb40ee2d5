"""What holds for every tier: their order, what they need, who may use the cluster, and that nothing is skipped.

What a test needs beside the development environment is said by its tier, by a fixture that it uses, or by the mark
`needs("postgresql")`. Where that is missing, one failure per tier says so, with the command that brings it, in the
place of all the tests that cannot run.

Tests that share the cluster hold a lock on it together; one that is marked `serial` holds it alone. The lock belongs
to the cluster and not to the run, so it also keeps two runs on one machine apart.
"""

import collections.abc
import contextlib
import dataclasses
import fcntl
import functools
import os
import pathlib

import pytest

from localcluster import context, failure, layout, tools

TESTS = pathlib.Path(__file__).parent
TIERS = ("unit", "contract", "packaging", "apiserver", "cluster")
"""In the order in which they run, so that what is cheap to find is found first."""
ON_THE_CLUSTER = ("contract", "apiserver", "cluster")


def tier(path: pathlib.Path) -> str:
    """The tier of a test file: the folder below tests/ that it is in."""
    return path.relative_to(TESTS).parts[0]


@dataclasses.dataclass(frozen=True)
class Need:
    """Something that tests need beside the development environment. `find_lack` says what to do where it is missing."""

    name: str
    find_lack: collections.abc.Callable[[], str]


def find_lack_of_cluster() -> str:
    try:
        context.target(layout.from_environment(), os.environ)
    except failure.ForeignCluster as error:
        return str(error)
    except failure.ClusterError:
        return "run `make cluster`"
    return ""


def find_lack_of_helm() -> str:
    program = pathlib.Path(tools.program(layout.from_environment(), tools.HELM, "helm"))
    return "" if program.exists() else "run `make cluster`, which builds it"


def find_lack_of_postgresql() -> str:
    from tests.support import postgres

    try:
        postgres.find_program("postgres")
    except postgres.Missing as error:
        return str(error)
    return ""


NEEDS = {
    "cluster": Need("the local cluster", functools.cache(find_lack_of_cluster)),
    "helm": Need("helm", functools.cache(find_lack_of_helm)),
    "postgresql": Need("PostgreSQL", functools.cache(find_lack_of_postgresql)),
}
OF_TIERS = {"apiserver": "cluster", "cluster": "cluster"}
OF_FIXTURES = {"target": "cluster", "postgresql": "postgresql"}
"""Fixtures of the contract tier, of which some tests run anywhere."""


def find_missing_need(item: pytest.Item) -> Need | None:
    """The first thing that a test needs and that is not there."""
    marked = {name for mark in item.iter_markers("needs") for name in mark.args}
    by_tier = {need for name, need in OF_TIERS.items() if tier(item.path) == name}
    fixtures = getattr(item, "fixturenames", ()) if tier(item.path) == "contract" else ()
    by_fixture = {need for name, need in OF_FIXTURES.items() if name in fixtures}
    needed = marked | by_tier | by_fixture
    return next((need for name, need in NEEDS.items() if name in needed and need.find_lack()), None)


class CannotRun(pytest.Item):
    """Fails in the place of the tests of a tier that need what is missing."""

    need: Need
    count: int

    def runtest(self) -> None:
        raise RuntimeError(f"{self.need.find_lack()} ({self.count} tests did not run)")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[pathlib.Path, None, str]:
        return self.path, None, self.name


def replace_what_cannot_run(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Put one failure in the place of all tests of a tier that need the same missing thing."""
    stopped: dict[tuple[str, Need], list[pytest.Item]] = {}
    for item in items:
        if need := find_missing_need(item):
            stopped.setdefault((tier(item.path), need), []).append(item)
    for (name, need), those in stopped.items():
        title = f"tests/{name}::needs {need.name}"
        stands_for: CannotRun = CannotRun.from_parent(session, name=title, path=TESTS / name, nodeid=title)
        stands_for.need, stands_for.count = need, len(those)
        items.append(stands_for)
    out = {item for those in stopped.values() for item in those}
    items[:] = [item for item in items if item not in out]


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    replace_what_cannot_run(session, items)
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
