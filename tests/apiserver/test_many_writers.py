"""Fifty processes write to one registry at once: nothing is lost, nothing happens twice, nothing is left behind."""

import collections
import collections.abc
import itertools
import json
import pathlib
import subprocess
import sys
import time
from typing import Any

import pytest

from localcluster import context
from podium.registry import store
from podium.registry.audit import repairs
from tests.support import cluster, writers

PROCESSES = 50
ROUNDS = 2
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def registry(target: context.Target, namespace: str) -> store.Registry:
    found = cluster.registry(target, namespace)
    found.models.create(writers.SHARED)
    found.models.create(writers.RENAMED[0])
    for number in (1, 2, 3):
        found.versions.create(writers.SHARED, source=f"s3://b/first-{number}")
        found.versions.create(writers.RENAMED[0], source=f"s3://b/first-{number}")
    return found


@pytest.fixture(scope="module")
def reports(target: context.Target, namespace: str, registry: store.Registry) -> list[dict[str, Any]]:
    """What each process says it did."""
    arguments = [str(target.kubeconfig), target.context, namespace, str(PROCESSES), str(ROUNDS)]
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.writers", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found


def done(reports: list[dict[str, Any]], what: str) -> list[Any]:
    return [item for report in reports for item in report["done"][what]]


def test_nobody_meets_an_error_that_others_do_not_explain(
    reports: list[dict[str, Any]], record_property: collections.abc.Callable[[str, object], None]
) -> None:
    refused: collections.Counter[str] = collections.Counter()
    for report in reports:
        assert report["unexpected"] == []
        refused.update(report["refused"])
    counts = {what: len(done(reports, what)) for what in reports[0]["done"]}
    longest = max(report["seconds"] for report in reports)
    record_property("figure", f"{PROCESSES} processes: {counts}, refused {dict(refused)}, in {longest:.1f} s")
    assert set(refused) <= {"renamed: NotFound", "renamed: AlreadyExists"}


def test_no_number_is_given_twice_and_every_version_is_there(
    registry: store.Registry, reports: list[dict[str, Any]]
) -> None:
    created, deleted = done(reports, "created"), done(reports, "deleted")
    assert len({*created, *deleted}) == len(created) + len(deleted) == PROCESSES * ROUNDS
    found = {version.number: version for version in registry.versions.list(writers.SHARED)}
    assert set(found) == {1, 2, 3, *created}
    assert registry.models.fresh(writers.SHARED).last_version == 3 + PROCESSES * ROUNDS
    sources = [version.source for version in found.values()]
    assert len(set(sources)) == len(sources)


def test_each_move_of_the_alias_is_in_the_history_once_and_they_follow_one_another(
    registry: store.Registry, reports: list[dict[str, Any]]
) -> None:
    history = registry.aliases.history(writers.SHARED)
    assert [entry.sequence for entry in history] == list(range(1, len(history) + 1))
    for before, after in itertools.pairwise(history):
        assert after.from_version == before.to_version
        assert after.time_ms >= before.time_ms
    recorded = [entry.why for entry in history]
    assert len(set(recorded)) == len(recorded)
    assert set(recorded) <= set(done(reports, "moved"))  # the others found it where they wanted it
    assert registry.models.fresh(writers.SHARED).aliases == {"champion": history[-1].to_version}


def test_no_tag_is_lost(registry: store.Registry, reports: list[dict[str, Any]]) -> None:
    expected = {tag: tag for tag in done(reports, "tagged")}
    assert len(expected) == PROCESSES * ROUNDS
    assert registry.models.fresh(writers.SHARED).tags == expected
    assert registry.versions.fresh(writers.SHARED, 1).tags == expected


def test_a_model_that_many_rename_has_one_name_and_all_its_versions(
    registry: store.Registry, reports: list[dict[str, Any]]
) -> None:
    assert done(reports, "renamed")
    [name] = [head.name for head in registry.models.list() if head.name in writers.RENAMED]
    assert [version.number for version in registry.versions.list(name)] == [3, 2, 1]


def test_nothing_is_left_behind(registry: store.Registry, reports: list[dict[str, Any]]) -> None:
    assert reports
    assert repairs.check(registry.records, time.time_ns() // 1_000_000 + 3_600_000) == []
