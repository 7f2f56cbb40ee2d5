"""Policies, evidence and decisions on both backends."""

import dataclasses
import itertools
from concurrent import futures

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, keys

JOE = entities.Actor("joe", "basic", True)
OWNER = entities.Pin("u1", "models", "iris")
GATES = entities.Gates((entities.MetricGate("accuracy", min=0.9),), {"approval_status": "approved"}, "Manual")
PASSED = entities.Evidence(
    (entities.GateRecord("accuracy >= 0.9", True, "0.95", GATES.metrics[0], entities.Outcome.MET),), {"accuracy": 0.95}
)


@pytest.fixture
def head(registry: store.Registry) -> entities.Head:
    """A model with two versions."""
    registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://m/{number}")
    return registry.models.fresh("iris")


def passes(_: entities.Head, __: entities.Version) -> entities.Evidence:
    return PASSED


def refuses(_: entities.Head, version: entities.Version) -> entities.Evidence:
    raise errors.GateRefused(f"not version {version.number}")


def test_a_model_without_a_policy_has_no_gates(registry: store.Registry, head: entities.Head) -> None:
    assert registry.serving.fresh_policy(head) == entities.Policy(head.uid)


def test_a_policy_is_made_changed_and_removed(
    registry: store.Registry, records: backend.Backend, head: entities.Head
) -> None:
    policy = entities.Policy(head.uid, {"champion": (OWNER, GATES)})
    registry.serving.put_policy(policy)
    assert registry.serving.fresh_policy(head) == policy
    before = records.get(keys.policy_name(head.uid))
    registry.serving.put_policy(policy)
    assert records.get(keys.policy_name(head.uid)) == before  # writes nothing
    other = entities.Policy(head.uid, {"staging": (OWNER, entities.Gates(approval="Manual"))})
    registry.serving.put_policy(other)
    assert registry.serving.fresh_policy(head) == other
    registry.serving.put_policy(entities.Policy(head.uid))
    assert records.get(keys.policy_name(head.uid)) is None
    registry.serving.put_policy(entities.Policy(head.uid))


def test_a_policy_that_was_edited_is_written_anew(
    registry: store.Registry, records: backend.Backend, head: entities.Head
) -> None:
    policy = entities.Policy(head.uid, {"champion": (OWNER, GATES)})
    registry.serving.put_policy(policy)
    stored = records.get(keys.policy_name(head.uid))
    assert stored is not None
    records.replace(dataclasses.replace(stored, data={**stored.data, "gates": "nonsense\n"}))
    with pytest.raises(errors.CorruptRegistry, match="not JSON"):
        registry.serving.fresh_policy(head)
    registry.serving.put_policy(policy)
    assert registry.serving.fresh_policy(head) == policy


def test_the_policy_goes_with_the_model(
    registry: store.Registry, records: backend.Backend, head: entities.Head
) -> None:
    registry.serving.put_policy(entities.Policy(head.uid, {"champion": (OWNER, GATES)}))
    registry.models.delete("iris")
    assert records.get(keys.policy_name(head.uid)) is None
    assert registry.sweep() == []


def test_a_policy_that_came_after_its_models_deletion_is_swept(
    registry: store.Registry, records: backend.Backend, head: entities.Head
) -> None:
    registry.models.delete("iris")
    registry.serving.put_policy(entities.Policy(head.uid, {"champion": (OWNER, GATES)}))
    assert registry.sweep() == [keys.policy_name(head.uid)]
    assert records.get(keys.policy_name(head.uid)) is None


def test_a_move_is_recorded_with_its_reason_and_its_evidence(registry: store.Registry, head: entities.Head) -> None:
    registry.aliases.set("iris", "champion", 1, JOE, why="better on new data", guard=passes)
    [entry] = registry.aliases.history("iris")
    assert (entry.to_version, entry.why, entry.evidence) == (1, "better on new data", PASSED)


def test_a_move_that_is_refused_leaves_the_alias_and_the_history(registry: store.Registry, head: entities.Head) -> None:
    registry.aliases.set("iris", "champion", 1, JOE)
    before = registry.models.fresh("iris")
    with pytest.raises(errors.GateRefused, match="not version 2"):
        registry.aliases.set("iris", "champion", 2, JOE, guard=refuses)
    assert registry.models.fresh("iris") == before


def test_setting_an_alias_where_it_is_records_evidence_once(registry: store.Registry, head: entities.Head) -> None:
    registry.aliases.set("iris", "champion", 1, JOE)
    registry.aliases.set("iris", "champion", 1, JOE, guard=passes)
    registry.aliases.set("iris", "champion", 1, JOE, guard=passes)
    registry.aliases.set("iris", "champion", 1, JOE)
    assert [(entry.from_version, entry.to_version, entry.evidence) for entry in registry.aliases.history("iris")] == [
        (None, 1, entities.Evidence()),
        (1, 1, PASSED),
    ]


def test_a_pinned_alias_takes_evidence_but_no_move(registry: store.Registry, head: entities.Head) -> None:
    registry.serving.pin(head.uid, "champion", 1, OWNER, JOE)
    registry.aliases.set("iris", "champion", 1, JOE, guard=passes)
    assert registry.aliases.history("iris")[-1].evidence == PASSED
    with pytest.raises(errors.InUse, match="owned by ModelAlias models/iris"):
        registry.aliases.set("iris", "champion", 2, JOE, guard=passes)


def test_a_pin_is_guarded_like_a_move(registry: store.Registry, head: entities.Head) -> None:
    with pytest.raises(errors.GateRefused):
        registry.serving.pin(head.uid, "champion", 1, OWNER, JOE, guard=refuses)
    assert registry.models.fresh("iris").pins == {}
    registry.serving.pin(head.uid, "champion", 1, OWNER, JOE, why="spec.version", guard=passes)
    registry.serving.pin(head.uid, "champion", 1, OWNER, JOE, guard=passes)
    assert [(entry.reason, entry.why, entry.evidence) for entry in registry.aliases.history("iris")] == [
        ("pinned", "spec.version", PASSED)
    ]


def test_the_guard_is_asked_again_when_another_writer_was_faster(registry: store.Registry, head: entities.Head) -> None:
    seen = []

    def guard(head: entities.Head, version: entities.Version) -> entities.Evidence:
        seen.append((dict(head.aliases), version.number))
        if len(seen) == 1:
            registry.aliases.set("iris", "other", 1, JOE)  # another writer, between this read and the write
            return entities.Evidence(metrics={"accuracy": 0.1})
        return PASSED

    registry.aliases.set("iris", "champion", 2, JOE, guard=guard)
    assert seen == [({}, 2), ({"other": 1}, 2)]
    assert registry.aliases.history("iris")[-1].evidence == PASSED


def test_an_alias_with_gates_is_dropped_neither_by_itself_nor_with_its_version(
    registry: store.Registry, head: entities.Head
) -> None:
    registry.aliases.set("iris", "champion", 1, JOE)
    registry.serving.put_policy(entities.Policy(head.uid, {"champion": (OWNER, GATES)}))
    before = registry.models.fresh("iris")
    with pytest.raises(errors.InUse, match="has gates, from ModelAlias models/iris"):
        registry.aliases.delete("iris", "champion", JOE)
    with pytest.raises(errors.InUse, match="has gates, from ModelAlias models/iris"):
        registry.versions.delete("iris", 1, JOE)
    assert registry.models.fresh("iris") == before
    registry.versions.delete("iris", 2, JOE)
    registry.serving.put_policy(entities.Policy(head.uid))
    registry.versions.delete("iris", 1, JOE)


def test_of_many_writers_none_gets_past_the_guard_and_each_move_is_recorded_once_with_its_evidence(
    records: backend.Backend, head: entities.Head
) -> None:
    def guard(_: entities.Head, version: entities.Version) -> entities.Evidence:
        if version.number == 2:
            raise errors.GateRefused("version 2")
        return entities.Evidence(metrics={"number": float(version.number)})

    def move(number: int, index: int) -> bool:
        registry = store.Registry(records, deadline_seconds=60)
        try:
            registry.aliases.set("iris", "champion", number, JOE, why=f"{index}", guard=guard)
        except errors.GateRefused:
            return False
        return True

    registry = store.Registry(records)
    registry.versions.create("iris", source="s3://m/3")
    with futures.ThreadPoolExecutor(8) as pool:
        jobs = [(number, pool.submit(move, number, index)) for index in range(8) for number in (1, 2, 3)]
        assert all(job.result() == (number != 2) for number, job in jobs)
    moves = registry.aliases.history("iris")
    assert [entry.sequence for entry in moves] == list(range(1, len(moves) + 1))
    assert all(before.to_version == after.from_version for before, after in itertools.pairwise(moves))
    assert all(entry.evidence.metrics == {"number": entry.to_version} for entry in moves)
    assert len({(entry.to_version, entry.why) for entry in moves}) == len(moves)


def test_decisions_are_kept_in_order_and_go_with_the_version(registry: store.Registry, head: entities.Head) -> None:
    yes = entities.Approval("approved", 10**13, JOE, "checked by hand")
    no = entities.Approval("rejected", 5, JOE)
    registry.versions.decide("iris", 1, yes)
    about = {"artifact": "s3://m/1"}
    assert registry.versions.decide("iris", 1, no).approvals == (
        dataclasses.replace(yes, **about), dataclasses.replace(no, time_ms=10**13, **about),
    )  # fmt: skip
    assert registry.versions.fresh("iris", 2).approvals == ()
    registry.versions.delete("iris", 1)
    with pytest.raises(errors.NotFound):
        registry.versions.decide("iris", 1, yes)


def test_the_digest_of_an_artifact_is_recorded_once_and_goes_with_the_version(
    registry: store.Registry, records: backend.Backend, head: entities.Head
) -> None:
    first, second = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32
    assert registry.versions.fresh("iris", 1).digest is None
    registry.versions.record_digest(head.uid, 1, "s3://m/1", first)
    before = records.get(keys.version_name(head.uid, 1))
    assert registry.versions.record_digest(head.uid, 1, "s3://m/1", first).digest == first
    assert records.get(keys.version_name(head.uid, 1)) == before  # writes nothing
    with pytest.raises(errors.ArtifactDiffers, match=f"has digest {second}, but {first} is recorded"):
        registry.versions.record_digest(head.uid, 1, "s3://m/1", second)
    assert [registry.versions.fresh("iris", number).digest for number in (1, 2)] == [first, None]
    registry.versions.delete("iris", 1)
    stored = records.get(keys.version_name(head.uid, 1))
    assert stored is not None
    assert "digest" not in stored.data
    with pytest.raises(errors.NotFound):
        registry.versions.record_digest(head.uid, 1, "s3://m/1", first)
    with pytest.raises(errors.InvalidInput, match="hexadecimal digits"):
        registry.versions.record_digest(head.uid, 2, "s3://m/2", "sha256:0a")


def test_of_two_digests_that_are_recorded_at_a_time_one_holds_and_the_other_is_refused(
    registry: store.Registry, head: entities.Head
) -> None:
    """Two aliases pull one version for the first time, and its bytes change in between."""

    def record(digest: str) -> str:
        try:
            registry.versions.record_digest(head.uid, 1, "s3://m/1", digest)
        except errors.ArtifactDiffers as refused:
            return refused.recorded
        return digest

    digests = [f"sha256:{number:064x}" for number in range(8)]
    with futures.ThreadPoolExecutor(len(digests)) as pool:
        held = set(pool.map(record, digests))
    assert held == {registry.versions.fresh("iris", 1).digest}
    assert held < set(digests)


def test_a_digest_that_was_found_elsewhere_is_not_recorded(registry: store.Registry, head: entities.Head) -> None:
    with pytest.raises(errors.Conflict, match="has its artifact at s3://m/1 now, not s3://m/0"):
        registry.versions.record_digest(head.uid, 1, "s3://m/0", "sha256:" + "0a" * 32)
    assert registry.versions.fresh("iris", 1).digest is None


def test_a_decision_is_about_the_artifact_that_the_version_has(registry: store.Registry, head: entities.Head) -> None:
    digest = "sha256:" + "0a" * 32
    yes = entities.Approval("approved", 5, JOE, artifact="s3://elsewhere", digest="sha256:" + "0b" * 32)
    before = registry.versions.decide("iris", 1, yes)
    after = registry.versions.record_digest(head.uid, 1, "s3://m/1", digest)
    again = registry.versions.decide("iris", 1, yes)
    assert [(each.artifact, each.digest) for each in again.approvals] == [("s3://m/1", None), ("s3://m/1", digest)]
    assert all(map(before.is_artifact_of, before.approvals))
    assert all(map(after.is_artifact_of, again.approvals))
    assert not before.is_artifact_of(again.approvals[1])  # of bytes that are not known to be these


def test_a_decision_or_a_reason_that_cannot_be_recorded_is_refused(
    registry: store.Registry, head: entities.Head
) -> None:
    with pytest.raises(errors.InvalidInput, match="'approved' or 'rejected'"):
        registry.versions.decide("iris", 1, entities.Approval("maybe", 1, JOE))  # type: ignore[arg-type]  # what it refuses
    for why, sentence in (("x" * 2001, "2001 characters"), ("\ud800", "lone surrogate")):
        with pytest.raises(errors.InvalidInput, match=sentence):
            registry.versions.decide("iris", 1, entities.Approval("approved", 1, JOE, why))
        with pytest.raises(errors.InvalidInput, match=sentence):
            registry.aliases.set("iris", "champion", 1, JOE, why=why)
