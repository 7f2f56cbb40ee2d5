"""What the registry says for a ModelAlias: a version with its source, or a reason with the nearest names."""

import dataclasses
from typing import Any

import pytest

from podium import errors, names
from podium.gates import outcomes
from podium.registry import catalog, store
from podium.registry.model import entities
from podium.registry.protocol import aliases
from podium.registry.storage import backend, keys, memory
from podium.rollout import designations, gating, worlds
from tests.unit.rollout import simulator

ME = "uid-of-mine"
MINE = entities.Pin(ME, "models", "mine")
PIN = entities.Pin("another-uid", "models", "another")


class Registry:
    """A registry in memory, and the catalog that a watch of it would make."""

    def __init__(self) -> None:
        self.mine = MINE
        """The ModelAlias that asks."""
        self.records = memory.MemoryBackend()
        self.store = store.Registry(self.records)
        self.store.models.create("iris")
        self.store.versions.create("iris", source="s3://bucket/1")
        self.store.aliases.set("iris", "champion", 1, entities.Actor("ada"))

    def ask(self, **spec: Any) -> worlds.RegistryView:
        seen = catalog.Catalog()
        for kind in (keys.CLAIM, keys.HEAD, keys.VERSION, keys.ARCHIVE, keys.POLICY):
            for record in self.records.list(keys.of_kind(kind)):
                seen.put(record)
        return designations.read_registry(seen, "models", self.mine, simulator.spec(**spec))


@pytest.fixture
def registry() -> Registry:
    return Registry()


def problem(answer: worlds.RegistryView) -> worlds.Problem:
    assert isinstance(answer.designation, worlds.Problem)
    return answer.designation


def test_an_alias_designates_a_version_with_its_source_and_who_moved_it(registry: Registry) -> None:
    uid = registry.store.models.fresh("iris").uid
    assert registry.ask().designation == worlds.Designation(1, uid, "s3://bucket/1", "ada")


def test_a_move_of_nobody_by_name_is_told_by_the_way_it_came(registry: Registry) -> None:
    registry.store.versions.create("iris", source="s3://bucket/2")
    registry.store.aliases.set("iris", "champion", 2, entities.Actor(via="mlflow-server"))
    designation = registry.ask().designation
    assert isinstance(designation, worlds.Designation)
    assert designation.by == "mlflow-server"


@pytest.mark.parametrize(
    ("spec", "reason", "nearest"),
    [
        ({"model": "irsi"}, names.MODEL_NOT_FOUND, "'iris'"),
        ({"alias": "champoin"}, names.ALIAS_NOT_FOUND, "'champion'"),
        ({"version": 7}, names.VERSION_NOT_FOUND, "1"),
    ],
    ids=["unknown model", "unknown alias", "unknown version"],
)
def test_what_is_unknown_is_told_with_the_nearest_names(
    registry: Registry, spec: dict[str, Any], reason: str, nearest: str
) -> None:
    said = problem(registry.ask(**spec))
    assert said.reason == reason
    assert nearest in said.message


def test_an_artifact_that_is_not_on_s3_is_refused_with_what_to_do(registry: Registry) -> None:
    registry.store.versions.create("iris", source="file:///tmp/model")
    said = problem(registry.ask(version=2))
    assert said.reason == names.SOURCE_UNSUPPORTED
    assert "file:///tmp/model" in said.message
    assert "register a version from a tracking server" in said.message


def test_a_registry_that_is_not_served_is_named(registry: Registry) -> None:
    said = problem(designations.read_registry(None, "elsewhere", MINE, simulator.spec()))
    assert said.reason == names.REGISTRY_NOT_SERVED
    assert "'elsewhere'" in said.message


def test_a_pin_of_another_object_stops_a_second_pin_but_no_follower(registry: Registry) -> None:
    registry.store.serving.pin(registry.store.models.fresh("iris").uid, "champion", 1, PIN)
    assert problem(registry.ask(version=1)).reason == names.ALIAS_OWNED_ELSEWHERE
    assert isinstance(registry.ask().designation, worlds.Designation)


def test_claims_and_pins_of_this_object_are_known(registry: Registry) -> None:
    uid = registry.store.models.fresh("iris").uid
    registry.store.serving.record(uid, entities.ServingClaim(ME, "models", "mine", (1,)))
    registry.store.serving.pin(uid, "champion", 1, MINE)
    answer = registry.ask(version=1)
    assert answer.claimed_versions == {1}
    assert answer.is_pin_known


def test_what_this_object_holds_under_another_name_of_its_cluster_is_to_be_written_anew(registry: Registry) -> None:
    uid = registry.store.models.fresh("iris").uid
    registry.store.serving.record(uid, entities.ServingClaim(ME, "models", "mine", (1,)))
    registry.store.serving.pin(uid, "champion", 1, MINE)
    registry.mine = dataclasses.replace(MINE, cluster="east")
    answer = registry.ask(version=1)
    assert (answer.claimed_versions, answer.is_pin_known) == (frozenset(), False)
    assert isinstance(answer.designation, worlds.Designation)
    assert registry.ask().is_pin_known, "without spec.version it is still to be released"


def test_a_pin_of_another_cluster_is_told_with_its_cluster(registry: Registry) -> None:
    uid = registry.store.models.fresh("iris").uid
    registry.store.serving.pin(uid, "champion", 1, dataclasses.replace(PIN, cluster="west"))
    said = problem(registry.ask(version=1)).message
    assert said.startswith("ModelAlias models/another in cluster west pins alias 'champion' of 'iris' already: ")


def test_a_head_of_nonsense_is_told_with_the_key_at_fault(registry: Registry) -> None:
    head = registry.records.list(keys.of_kind(keys.HEAD))[0]
    registry.records.replace(
        backend.Record(head.name, head.labels, {**head.data, "aliases": "{"}, head.resource_version)
    )
    said = problem(registry.ask())
    assert said.reason == names.REGISTRY_CORRUPT
    assert head.name in said.message
    assert "aliases" in said.message


GATES = {"metrics": [{"name": "accuracy", "notWorseThan": {"alias": "champion"}}]}
RULE = entities.MetricGate("accuracy", not_worse_than="champion")


def evidence(**metrics: float) -> aliases.Guard:
    """A store's guard that lets every version pass, and records these metrics."""
    found = {key.replace("_of_", "@"): value for key, value in metrics.items()}
    return lambda _head, version: entities.Evidence((), found, version.artifact_uri, version.digest)


def verdict(answer: worlds.RegistryView) -> gating.Verdict:
    assert isinstance(answer.designation, worlds.Designation)
    assert answer.designation.facts is not None
    gates = simulator.spec(gates=GATES).gates
    assert gates is not None
    return gating.judge(gating.read_spec(gates), answer.designation.facts)


def lack(answer: worlds.RegistryView) -> outcomes.Lack | None:
    [result] = verdict(answer).results
    return outcomes.lack_of(result)


def test_gates_are_judged_by_what_was_recorded_when_the_alias_moved(registry: Registry) -> None:
    registry.store.versions.create("iris", source="s3://bucket/2")
    registry.store.aliases.set("iris", "champion", 2, guard=evidence(accuracy=0.9, accuracy_of_champion=0.91))
    [result] = verdict(registry.ask(gates=GATES)).results
    assert result == outcomes.MetricResult(RULE, entities.Outcome.UNMET, 0.9, 0.91)


def test_what_was_moved_without_metrics_lacks_them_until_it_is_set_again(registry: Registry) -> None:
    assert lack(registry.ask(gates=GATES)) == outcomes.Lack(entities.Cause.NOT_RECORDED)
    registry.store.aliases.set("iris", "champion", 1, guard=evidence(accuracy=0.9, accuracy_of_champion=0.9))
    assert verdict(registry.ask(gates=GATES)).passed


def test_the_first_version_of_an_alias_that_is_set_again_is_still_compared_with_nothing(registry: Registry) -> None:
    for accuracy in (0.9, 0.91):
        registry.store.aliases.set("iris", "champion", 1, guard=evidence(accuracy=accuracy))
        [result] = verdict(registry.ask(gates=GATES)).results
        assert result == outcomes.MetricResult(RULE, entities.Outcome.MET, accuracy, other=None)


def test_an_alias_that_designated_nothing_when_the_move_was_recorded_is_nothing_to_be_worse_than(
    registry: Registry,
) -> None:
    registry.store.aliases.set("iris", "staging", 1, guard=evidence(accuracy=0.9))
    assert verdict(registry.ask(alias="staging", gates=GATES)).passed is False  # champion was there, and not recorded
    gates = {"metrics": [{"name": "accuracy", "notWorseThan": {"alias": "production"}}]}
    registry.store.aliases.set("iris", "production", 1)
    answer = registry.ask(alias="staging", gates=gates)
    assert isinstance(answer.designation, worlds.Designation)
    assert answer.designation.facts is not None
    assert answer.designation.facts.present == {"champion"}


def test_an_alias_that_was_written_past_the_store_has_no_metrics_although_they_were_recorded_once(
    registry: Registry,
) -> None:
    registry.store.versions.create("iris", source="s3://bucket/2")
    registry.store.aliases.set("iris", "champion", 2, guard=evidence(accuracy=0.9, accuracy_of_champion=0.9))
    registry.store.aliases.set("iris", "champion", 1, guard=evidence(accuracy=0.9, accuracy_of_champion=0.9))
    head = registry.records.list(keys.of_kind(keys.HEAD))[0]
    data = {**head.data, "aliases": "champion=2\n"}
    registry.records.replace(backend.Record(head.name, head.labels, data, head.resource_version))
    assert lack(registry.ask(gates=GATES)) == outcomes.Lack(entities.Cause.NOT_RECORDED)


def test_a_pin_is_judged_by_the_last_move_to_its_version_wherever_the_alias_is_now(registry: Registry) -> None:
    for number in (2, 3):
        registry.store.versions.create("iris", source=f"s3://bucket/{number}")
    registry.store.aliases.set("iris", "champion", 2, guard=evidence(accuracy=0.95, accuracy_of_champion=0.9))
    registry.store.aliases.set("iris", "champion", 1)
    assert verdict(registry.ask(version=2, gates=GATES)).passed
    assert lack(registry.ask(version=3, gates=GATES)) == outcomes.Lack(entities.Cause.NEVER_MOVED)


def test_a_move_that_is_in_an_archive_by_now_counts(registry: Registry) -> None:
    registry.store.aliases.set("iris", "champion", 1, guard=evidence(accuracy=0.9, accuracy_of_champion=0.9))
    registry.store.versions.create("iris", source="s3://bucket/2")
    for turn in range(200):
        registry.store.aliases.set("iris", "staging", turn % 2 + 1, why="back and forth " * 10)
    head = registry.store.models.fresh("iris")
    assert head.archives > 0
    assert "champion" not in {entry.alias for entry in head.history}
    assert verdict(registry.ask(gates=GATES)).passed


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (ME, outcomes.Lack(entities.Cause.NOT_RECORDED)),
        ("another-uid", outcomes.Lack(entities.Cause.GATED_ELSEWHERE, "ModelAlias models/another")),
    ],
)
def test_a_modelalias_whose_gates_are_not_the_stores_is_told_whose_are(
    registry: Registry, uid: str, expected: outcomes.Lack
) -> None:
    head = registry.store.models.fresh("iris")
    owner = entities.Pin(uid, "models", "another")
    registry.store.serving.put_policy(
        entities.Policy(head.uid, {"champion": (owner, entities.Gates(approval="Manual"))})
    )
    assert lack(registry.ask(gates=GATES)) == expected


def test_a_move_in_a_mirrored_server_that_has_no_metrics_is_told_where_to_make_it_again(registry: Registry) -> None:
    head = dataclasses.replace(registry.store.models.fresh("iris"), mirror="http://mlflow")
    facts = gating.gather_facts(head, registry.store.versions.fresh("iris", 1), "champion", head.history, pinned=False)
    assert facts.lack == outcomes.Lack(entities.Cause.MIRRORED, "http://mlflow")
    assert gating.judge(entities.Gates((entities.MetricGate("accuracy", min=1.0),)), facts).lacks_records


def test_a_model_without_gates_is_asked_for_no_facts(registry: Registry) -> None:
    answer = registry.ask()
    assert isinstance(answer.designation, worlds.Designation)
    assert answer.designation.facts is None


def test_why_an_alias_was_moved_is_known(registry: Registry) -> None:
    registry.store.versions.create("iris", source="s3://bucket/2")
    registry.store.aliases.set("iris", "champion", 2, entities.Actor("ada"), why="better on the holdout")
    answer = registry.ask()
    assert isinstance(answer.designation, worlds.Designation)
    assert (answer.designation.by, answer.designation.why) == ("ada", "better on the holdout")


def alias(name: str, created: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "models", "uid": f"uid-{name}", "creationTimestamp": created}
    return {"metadata": metadata, "spec": spec}


OLD, YOUNG = alias("old", "2026-01-01T00:00:00Z"), alias("young", "2026-02-01T00:00:00Z")
HOST = ("host", "iris.example.com", "/")
SAME = ("alias", "models", "registry", "iris", "champion")


@pytest.mark.parametrize(
    ("identity", "reason"), [(HOST, names.HOST_CONFLICT), (SAME, names.ALIAS_CONFLICT)], ids=["host", "alias"]
)
def test_the_younger_of_two_rivals_is_told_the_older_and_the_older_nothing(
    identity: tuple[str, ...], reason: str
) -> None:
    told = designations.find_conflict(YOUNG, [(identity, OLD)])
    assert told is not None
    assert told.reason == reason
    assert "models/old" in told.message
    assert designations.find_conflict(OLD, [(identity, YOUNG)]) is None


def test_not_found_says_what_was_not_found() -> None:
    assert {errors.NotFound("", what).what for what in ("model", "version", "alias")} == {"model", "version", "alias"}
