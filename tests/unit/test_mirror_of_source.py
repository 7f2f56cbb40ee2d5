"""Tests mirror the source: operator/podium/<room>/<module>.py is tested by tests/unit/<room>/test_<module>.py.

A module without a test of its name is listed here, with the file that holds what it promises.
"""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = ROOT / "operator" / "podium"
HELD_ELSEWHERE = {
    # Only a real API server can say whether it is right.
    "kube/registry/configmaps.py": "tests/contract/test_api_server.py",
    # One suite is passed by memory and by the API server.
    "registry/storage/backend.py": "tests/contract/test_backend.py",
    "registry/storage/memory.py": "tests/contract/test_backend.py",
    "registry/store.py": "tests/contract/test_registry.py",
    # Protocols: a second implementation says whether they carry.
    "rollout/strategies/protocol.py": "tests/unit/rollout/strategies/test_second_strategy.py",
    "workload/runtimes/protocol.py": "tests/unit/workload/runtimes/test_second_runtime.py",
    "workload/storage/delivery.py": "tests/unit/workload/storage/test_second_delivery.py",
    # One suite a part of it: what S3 answers, and what becomes of its errors (test_s3_faults.py).
    "puller/s3.py": "tests/unit/puller/test_s3_answers.py",
    # What is left out is asked for by the excerpt.
    "registry/model/essentials.py": "tests/unit/registry/test_excerpt.py",
    # Wiring: the process as a whole.
    "sync/__main__.py": "tests/contract/test_mirror_process.py",
    "serving/model.py": "tests/contract/test_serving.py",
    "serving/spawned.py": "tests/contract/test_serving_forks.py",
    # Types: mypy holds them.
    "manifest.py": "pyproject.toml",
    "serving/asgi.py": "pyproject.toml",
    # Values without logic.
    "engine/caches.py": "tests/unit/engine/test_worlds.py",
}


def find_modules() -> list[str]:
    return sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def find_own_test(module: str) -> pathlib.Path:
    path = pathlib.Path(module)
    return ROOT / "tests" / "unit" / path.parent / f"test_{path.stem.strip('_')}.py"


@pytest.mark.parametrize("module", find_modules())
def test_a_module_has_a_test_of_its_name_or_is_listed_with_the_test_that_holds_it(module: str) -> None:
    if module in HELD_ELSEWHERE:
        assert not find_own_test(module).exists(), "it has a test of its own now: take it from the list"
        assert (ROOT / HELD_ELSEWHERE[module]).exists()
    else:
        assert find_own_test(module).exists()


def test_what_is_listed_is_there() -> None:
    assert HELD_ELSEWHERE.keys() <= set(find_modules())
