"""Any sequence of calls gets the same answers from MLflow's SQL store and from Podium's, but for listed differences.

The full run: PODIUM_SEQUENCES=2000 pytest tests/contract/test_differential.py (so many sequences on each pair).
"""

import collections
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from hypothesis import stateful
from mlflow.entities import model_registry
from mlflow.store.model_registry import sqlalchemy_store

from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry.storage import backend, memory
from tests.contract import differences, machine, sides
from tests.support import postgres

PAGE = pathlib.Path(__file__).parents[2] / "docs/mlflow-differences.md"
ASKED = os.environ.get("PODIUM_SEQUENCES")
STEPS = 30 if ASKED else 20
ALL_CHECKS = list(hypothesis.HealthCheck)
"""A database is slow, and calls that are refused are what is looked for too."""

_TAGS: list[dict[str, str | None]] = [
    {},
    {"a": "v"},
    {"a": "é", "b": None},
    {"b": "true", "a b": "%"},
    {"a": "", "b": "a_b"},
]


def _tags(kind: str, number: int) -> list[Any]:
    return [getattr(model_registry, kind)(*item) for item in _TAGS[number % len(_TAGS)].items()]


SEARCHED = [
    each
    for number, name in enumerate(["iris", "Iris", "i_is", "axis", "a%b", "a\\b", "é", "É", "a", "'"])
    for each in (
        differences.call("create_registered_model", name, _tags("RegisteredModelTag", number)),
        differences.call("create_model_version", name, "s3://b/1", [None, "", "r1"][number % 3]),
        differences.call("create_model_version", name, f"s3://B/{number}", "r1", _tags("ModelVersionTag", number)),
        differences.call("create_model_version", name, "dbfs:/é", "r2", _tags("ModelVersionTag", number + 1)),
        differences.call("update_model_version", name, number % 3 + 1, "words"),
    )
] + [
    differences.call("update_registered_model", "é", "words"),
    differences.call("rename_registered_model", "axis", "axle"),
    differences.call("create_prompt", "prompt", None, {"a": "v"}),
    differences.call("create_prompt_version", "prompt", "Hello {{name}}"),
    differences.call("create_prompt", "no version yet"),
]
"""What is searched: names, runs, sources and tags that look alike, nothing and the empty text, prompts."""


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """MLflow's store on SQLite."""
    return sqlalchemy_store.SqlAlchemyStore(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/registry.db")


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """MLflow's store on PostgreSQL."""
    with postgres.running(tmp_path_factory.mktemp("postgresql")) as server:
        yield sqlalchemy_store.SqlAlchemyStore(postgres.database(server, "registry"))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    return lambda text: record_property("figure", text)


def run(sql: Any, records: Callable[[], backend.Backend], sequences: int, figure: Callable[[str], None]) -> None:
    """Runs sequences, or as many as PODIUM_SEQUENCES says."""
    asked = int(ASKED or sequences)
    counts: collections.Counter[str] = collections.Counter()

    class Tested(machine.Machine):
        def open(self) -> sides.Sides:
            return sides.empty(sql, records())

        def close(self) -> None:
            counts.update({"begun": 1, "calls": len(self.both.calls)})
            counts.update({f"difference {name!r}": number for name, number in self.both.seen.items()})

    stateful.run_state_machine_as_test(
        Tested,
        settings=hypothesis.settings(
            max_examples=asked,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=ALL_CHECKS,
        ),
    )
    figure(
        f"{asked} sequences beside {sql.engine.dialect.name}: "
        + ", ".join(f"{number} {name}" for name, number in counts.items())
    )


def test_any_calls_on_memory_are_answered_as_by_mlflow_on_sqlite(sqlite: Any, figure: Callable[[str], None]) -> None:
    run(sqlite, memory.MemoryBackend, 200, figure)


def test_any_calls_on_memory_are_answered_as_by_mlflow_on_postgresql(
    postgresql: Any, figure: Callable[[str], None]
) -> None:
    run(postgresql, memory.MemoryBackend, 25, figure)


def test_any_calls_on_the_api_server_are_answered_as_by_mlflow_on_postgresql(
    postgresql: Any, api: session.Session, namespace: str, figure: Callable[[str], None]
) -> None:
    def emptied() -> backend.Backend:
        api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps")
        return configmaps.ConfigMapBackend(api, namespace)

    run(postgresql, emptied, 10, figure)


@pytest.mark.parametrize("database", [differences.SQLITE, differences.POSTGRESQL])
def test_any_search_finds_the_same_in_the_same_order_and_pages(database: str, request: pytest.FixtureRequest) -> None:
    both = sides.empty(request.getfixturevalue(database), memory.MemoryBackend())
    for number, (method, arguments) in enumerate(SEARCHED):
        both.compare(method, *arguments, advance_ms=number % 3)

    @hypothesis.settings(max_examples=int(ASKED or 300), deadline=None, suppress_health_check=ALL_CHECKS)
    @hypothesis.given(machine.searches())
    @hypothesis.example(("search_model_versions", (None, 2, ["tag.a", "name SIDEWAYS"], None)))
    @hypothesis.example(("search_registered_models", (None, 1000.5, None, None)))
    @hypothesis.example(("search_model_versions", (None, 200_000.5, None, None)))
    def search(call: differences.Call) -> None:
        both.calls.clear()
        both.compare(call[0], *call[1])

    search()


@pytest.mark.parametrize(
    ("difference", "database"),
    [
        pytest.param(each, database, id=f"{each.name} {number} on {database}")
        for number, each in enumerate(differences.DIFFERENCES)
        for database in each.databases
    ],
)
def test_each_listed_difference_is_real(
    difference: differences.Difference, database: str, request: pytest.FixtureRequest
) -> None:
    both = sides.empty(request.getfixturevalue(database), memory.MemoryBackend())
    *before, last = difference.example
    for method, arguments in before:
        theirs, ours = both.both(method, *arguments)
        assert (theirs.error, ours.error) == ("", "")
    theirs, ours = both.both(last[0], *last[1])
    assert theirs != ours
    if difference.covers is not differences.never:
        assert differences.listed(both.case(last, theirs, ours)) == difference.name


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the page."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_lists_the_differences_that_the_comparison_allows_and_no_others() -> None:
    listed = [cells[0] for cells in rows("In the answer to a call")]
    assert sorted(listed) == sorted({each.name for each in differences.DIFFERENCES})


def test_what_takes_more_than_a_store_to_see_names_the_tests_that_show_it() -> None:
    for cells in rows("Beyond a single store"):
        assert (PAGE.parents[1] / cells[-1]).is_file(), cells
