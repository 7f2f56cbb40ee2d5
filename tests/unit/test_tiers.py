"""The rules of every tier (tests/conftest.py), seen on a small project that has them."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TIMED = """
import json, os, pathlib, time
import pytest
{mark}
@pytest.mark.parametrize("number", range(3))
def test_it(number):
    began = time.monotonic()
    time.sleep(0.15)
    line = json.dumps(["{name}", began, time.monotonic()])
    with open(os.environ["TIMES"], "a") as file:
        file.write(line + "\\n")
"""


@pytest.fixture
def project(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --import-mode=importlib\nmarkers =\n  serial: alone\n  needs: what\n"
    )
    return tmp_path


def add(project: pathlib.Path, name: str, content: str) -> None:
    path = project / "tests" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


def run(project: pathlib.Path, *options: str, cluster: str = "one that no test asks", kubeconfig: str = "") -> str:
    """What pytest says in the project; `cluster` is the context that tests may use, without it there is none."""
    own = {"PYTHONPATH": str(ROOT / "hack"), "PODIUM_CACHE": str(project), "TIMES": str(project / "times")}
    own["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # others' plugins take seconds to load
    own |= {"PODIUM_TEST_CONTEXT": cluster, "KUBECONFIG": kubeconfig, "COLUMNS": "400"}
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", *options]
    return subprocess.run(
        command, cwd=project, env=os.environ | own, capture_output=True, text=True, check=False
    ).stdout


def test_a_test_that_skips_itself_fails_with_its_reason(project: pathlib.Path) -> None:
    add(project, "unit/test_one.py", "import pytest\ndef test_it():\n    pytest.skip('no engine here')\n")
    said = run(project)
    assert "no engine here" in said
    assert "1 failed" in said


def test_a_module_that_skips_itself_fails(project: pathlib.Path) -> None:
    add(project, "unit/test_one.py", "import pytest\npytest.importorskip('not_there_at_all')\ndef test_it(): pass\n")
    assert "1 error" in run(project)


def test_a_failure_that_is_expected_is_no_skip(project: pathlib.Path) -> None:
    add(project, "unit/test_one.py", "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n")
    assert "1 xfailed" in run(project)


@pytest.mark.parametrize(
    "options", [(), ("-n2", "--dist=loadfile", "--no-loadscope-reorder")], ids=["one process", "two"]
)
def test_a_serial_test_has_the_cluster_alone(project: pathlib.Path, options: tuple[str, ...]) -> None:
    add(project, "cluster/test_a_serial.py", TIMED.format(mark="@pytest.mark.serial", name="serial"))
    for name in ("test_b", "test_c", "test_d"):
        add(project, f"cluster/{name}.py", TIMED.format(mark="", name="shared"))
    assert "12 passed" in run(project, *options)
    times = [json.loads(line) for line in (project / "times").read_text().splitlines()]
    for one, other in itertools.permutations(times, 2):
        if one[0] == "serial":
            assert one[2] <= other[1] or other[2] <= one[1]


def test_serial_tests_come_after_all_others(project: pathlib.Path) -> None:
    add(project, "cluster/test_a_serial.py", TIMED.format(mark="@pytest.mark.serial", name="serial"))
    add(project, "cluster/test_b.py", TIMED.format(mark="", name="shared"))
    run(project)
    names = [json.loads(line)[0] for line in (project / "times").read_text().splitlines()]
    assert names == ["shared"] * 3 + ["serial"] * 3


TWO_TESTS = "def test_one(): raise AssertionError\ndef test_two(): raise AssertionError\n"


@pytest.mark.parametrize("options", [(), ("-n2", "--dist=loadfile")], ids=["one process", "two"])
def test_a_tier_whose_cluster_is_missing_fails_once_with_the_command_that_brings_it(
    project: pathlib.Path, options: tuple[str, ...]
) -> None:
    add(project, "unit/test_one.py", "def test_it(): pass\n")
    for name in ("test_one.py", "test_two.py"):
        add(project, f"apiserver/{name}", TWO_TESTS)
        add(project, f"cluster/{name}", TWO_TESTS)
    said = run(project, *options, cluster="")
    assert "2 failed, 1 passed" in said
    assert "FAILED tests/apiserver::needs the local cluster - run `make cluster` (4 tests did not run)" in said
    assert "FAILED tests/cluster::needs the local cluster - run `make cluster` (4 tests did not run)" in said


def test_tests_of_a_tier_that_need_no_cluster_run_without_one(project: pathlib.Path) -> None:
    content = """
import pytest
@pytest.fixture
def target(): raise AssertionError
def test_here(): pass
def test_there(target): pass
@pytest.mark.needs("cluster")
def test_there_too(): raise AssertionError
@pytest.mark.needs("helm")
def test_chart(): raise AssertionError
"""
    add(project, "contract/test_one.py", content)
    said = run(project, cluster="")
    assert "2 failed, 1 passed" in said
    assert "FAILED tests/contract::needs the local cluster - run `make cluster` (2 tests did not run)" in said
    assert "FAILED tests/contract::needs helm - run `make cluster`" in said


def test_a_cluster_that_was_not_made_here_is_refused_in_one_line(project: pathlib.Path) -> None:
    add(project, "cluster/test_one.py", TWO_TESTS)
    said = run(project, cluster="", kubeconfig="/etc/production")
    assert "1 failed" in said
    assert "KUBECONFIG=/etc/production was not made by hack/localcluster" in said
