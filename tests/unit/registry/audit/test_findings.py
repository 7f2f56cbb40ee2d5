"""What is found in the ConfigMaps of one moment, and what is not a fault."""

import dataclasses

import pytest

from podium.registry.audit import findings, repairs
from podium.registry.model import entities
from podium.registry.storage import backend, codec
from tests.unit.registry import factories
from tests.unit.registry.audit.damage import NOW_MS, Damaged


@pytest.fixture
def damaged() -> Damaged:
    return Damaged()


def test_nothing_is_wrong_with_what_the_registry_wrote(damaged: Damaged) -> None:
    damaged.registry.models.rename("iris", "lily")
    damaged.registry.versions.transition_stage("lily", 1, "Production", archive_existing=True)
    damaged.records.create(backend.Record("kube-root-ca.crt", {}, {"ca.crt": "…"}))
    damaged.records.create(backend.Record("a-1", {}, {"not": "ours"}))
    assert (damaged.check(), damaged.repair()) == ([], [])


def test_what_a_living_creation_may_need_is_not_found(damaged: Damaged) -> None:
    damaged.records.create(codec.encode_head(entities.Head("rose-1", "rose", created_ms=NOW_MS)))
    damaged.records.create(codec.encode_version(factories.version(model_uid=damaged.uid, number=4, created_ms=NOW_MS)))
    assert repairs.check(damaged.records, NOW_MS + 1) == []
    assert len(damaged.check()) == 2
    assert damaged.repair() == []


def test_archives_and_what_the_head_still_has_of_them_are_one_history(damaged: Damaged) -> None:
    before = damaged.record(damaged.uid)
    while not damaged.registry.models.fresh("iris").archives:
        before = damaged.record(damaged.uid)
        other = 4 - damaged.registry.models.fresh("iris").aliases["champion"]
        damaged.registry.aliases.set("iris", "champion", other, factories.JOE, why=factories.LONG_WHY)
    assert damaged.check() == []
    trimmed = damaged.record(damaged.uid)
    damaged.records.replace(dataclasses.replace(before, resource_version=trimmed.resource_version))
    assert damaged.check() == []


def test_faults_are_sorted_by_object_and_say_what_a_repair_does(damaged: Damaged) -> None:
    damaged.change(renaming="lily", deleting=(3,))
    found = findings.find(damaged.records.list({}), NOW_MS)
    assert [(each.object_name, each.repair, each.needs_person) for each in found] == [
        (damaged.uid, "ends it: the model keeps its name", False),
        (damaged.uid, "finishes it", False),
    ]


def test_configmaps_of_others_are_ignored() -> None:
    others = backend.Record("kube-root-ca.crt", {}, {"ca.crt": "…"})
    assert findings.find([others], NOW_MS) == []


def put_elsewhere(damaged: Damaged, number: int) -> str:
    """Somebody writes another source into a version, past the store. The name of its ConfigMap."""
    version = damaged.registry.versions.fresh("iris", number)
    written = codec.encode_version(dataclasses.replace(version, source="s3://evil/iris"))
    stored = damaged.record(written.name)
    damaged.records.replace(dataclasses.replace(stored, data=written.data))
    return written.name


def test_a_version_whose_artifact_is_not_the_one_that_was_decided_about_is_found(damaged: Damaged) -> None:
    before = damaged.registry.versions.fresh("iris", 3).artifact_uri
    damaged.registry.versions.decide("iris", 3, entities.Approval("approved", 1, factories.JOE))
    assert damaged.check() == []
    name = put_elsewhere(damaged, 3)
    [found] = findings.find(damaged.records.list({}), NOW_MS)
    assert (found.object_name, found.needs_person, found.correction) == (name, True, None)
    assert f"is at s3://evil/iris, but what was decided about, or judged by gates, was at {before}" in found.problem
    damaged.registry.versions.decide("iris", 3, entities.Approval("approved", 1, factories.JOE))
    assert damaged.check() == []


def test_a_version_whose_artifact_is_not_the_one_that_gates_judged_is_found_except_in_a_mirror(
    damaged: Damaged,
) -> None:
    def judge(_: entities.Head, version: entities.Version) -> entities.Evidence:
        return entities.Evidence((), {"accuracy": 0.9}, version.artifact_uri)

    damaged.registry.aliases.set("iris", "staging", 3, factories.JOE, guard=judge)
    assert damaged.check() == []
    name = put_elsewhere(damaged, 3)
    assert [found.object_name for found in findings.find(damaged.records.list({}), NOW_MS)] == [name]
    damaged.change(mirror="http://mlflow")
    assert damaged.check() == []
