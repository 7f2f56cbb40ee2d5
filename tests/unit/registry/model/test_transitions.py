"""What may happen to a head or a version, and what may not."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium import errors
from podium.registry.model import entities, transitions
from tests.support import effort
from tests.unit.registry import factories

JOE, NOW = factories.JOE, 5_000
CLAIM = entities.ServingClaim("u1", "prod", "iris", (1,))
PIN = entities.Pin("u1", "prod", "iris")
MOVER = transitions.Mover(JOE, NOW)
PLACE = factories.version().artifact_uri


def test_a_moved_alias_is_in_the_history_with_time_actor_from_and_to() -> None:
    head = transitions.set_alias(factories.head(), "champion", 2, MOVER)
    assert head.aliases == {"champion": 2}
    assert head.history == (entities.HistoryEntry(1, NOW, "champion", 1, 2, JOE, "set"),)
    assert head.history_total == 1


def test_a_new_alias_comes_from_no_version() -> None:
    head = transitions.set_alias(factories.head(aliases={}), "champion", 2, MOVER)
    assert (head.history[0].from_version, head.history[0].to_version) == (None, 2)


def test_a_deleted_alias_goes_to_no_version() -> None:
    head = transitions.delete_alias(factories.head(), "champion", JOE, NOW)
    assert head.aliases == {}
    assert (head.history[0].from_version, head.history[0].to_version, head.history[0].reason) == (1, None, "deleted")


def test_a_deleted_version_drops_its_aliases_each_with_its_entry() -> None:
    head = factories.head(aliases={"a": 1, "b": 2, "c": 1})
    after = transitions.begin_deletion(head, 1, JOE, NOW)
    assert after.aliases == {"b": 2}
    assert [(e.sequence, e.alias, e.to_version, e.reason) for e in after.history] == [
        (1, "a", None, "version-deleted"),
        (2, "c", None, "version-deleted"),
    ]


def test_a_pin_sets_the_alias_and_says_so() -> None:
    head = transitions.pin_alias(factories.head(), "champion", 3, PIN, MOVER)
    assert (head.aliases, head.pins) == ({"champion": 3}, {"champion": PIN})
    assert head.history[0].reason == "pinned"


def test_release_lets_go_of_claims_and_pins_and_leaves_the_alias() -> None:
    head = factories.head(serving={"u1": CLAIM}, pins={"champion": PIN, "x": dataclasses.replace(PIN, uid="u2")})
    after = transitions.release(head, "u1")
    assert (after.serving, list(after.pins), after.aliases) == ({}, ["x"], {"champion": 1})


@pytest.mark.parametrize("cluster", ["", "east"])
def test_who_holds_what_is_in_the_way_is_named_with_its_cluster_if_that_has_a_name(cluster: str) -> None:
    claim, pin = (dataclasses.replace(each, cluster=cluster) for each in (CLAIM, PIN))
    told = "ModelAlias prod/iris in cluster east" if cluster else "ModelAlias prod/iris"
    assert entities.describe_holder(claim) == entities.describe_holder(pin) == told
    served, pinned = factories.head(serving={"u1": claim}), factories.head(pins={"champion": pin})
    refusals = [
        lambda: transitions.begin_deletion(served, 1, JOE, NOW),
        lambda: transitions.begin_rename(served, "lily"),
        lambda: transitions.delete(served),
        lambda: transitions.begin_rename(pinned, "lily"),
        lambda: transitions.set_alias(pinned, "champion", 2, MOVER),
        lambda: transitions.delete(pinned),
    ]
    for refused in refusals:
        with pytest.raises(errors.InUse, match=rf"by {told}\b(?! in cluster)"):
            refused()


def test_claimed_versions_are_sorted_and_none_removes_the_claim() -> None:
    head = transitions.record_serving(factories.head(), dataclasses.replace(CLAIM, versions=(3, 1, 3)))
    assert head.serving["u1"].versions == (1, 3)
    assert transitions.record_serving(head, dataclasses.replace(CLAIM, versions=())).serving == {}


def test_a_version_that_was_deleted_behind_the_registrys_back_may_stay_claimed() -> None:
    head = factories.head(serving={"u1": dataclasses.replace(CLAIM, versions=(9,))})
    claim = dataclasses.replace(CLAIM, versions=(9, 2))
    assert transitions.record_serving(head, claim).serving["u1"].versions == (2, 9)


Step = Callable[[entities.Head], entities.Head]
PINNED = factories.head(pins={"champion": PIN})
SERVED = factories.head(serving={"u1": CLAIM})

REFUSED: dict[str, tuple[entities.Head, Step, type[errors.RegistryError], str]] = {
    "set an alias that a ModelAlias pins": (
        PINNED,
        lambda h: transitions.set_alias(h, "champion", 2, MOVER),
        errors.InUse,
        "prod/iris",
    ),
    "delete an alias that a ModelAlias pins": (
        PINNED,
        lambda h: transitions.delete_alias(h, "champion", JOE, NOW),
        errors.InUse,
        "prod/iris",
    ),
    "delete a version that a pinned alias designates": (
        PINNED,
        lambda h: transitions.begin_deletion(h, 1, JOE, NOW),
        errors.InUse,
        "prod/iris",
    ),
    "pin an alias that another one pins": (
        PINNED,
        lambda h: transitions.pin_alias(h, "champion", 2, dataclasses.replace(PIN, uid="u2"), MOVER),
        errors.InUse,
        "prod/iris",
    ),
    "delete a version that is served": (
        SERVED,
        lambda h: transitions.begin_deletion(h, 1, JOE, NOW),
        errors.InUse,
        "prod/iris",
    ),
    "delete a model that is served": (SERVED, transitions.delete, errors.InUse, "prod/iris"),
    "delete a model with a pinned alias": (PINNED, transitions.delete, errors.InUse, "prod/iris"),
    "set an alias to a version that was never made": (
        factories.head(),
        lambda h: transitions.set_alias(h, "champion", 4, MOVER),
        errors.NotFound,
        "version=4",
    ),
    "set an alias to version 0": (
        factories.head(),
        lambda h: transitions.set_alias(h, "champion", 0, MOVER),
        errors.NotFound,
        "version=0",
    ),
    "set an alias to a version that is being deleted": (
        factories.head(deleting=(2,)),
        lambda h: transitions.set_alias(h, "champion", 2, MOVER),
        errors.NotFound,
        "version=2",
    ),
    "serve a version that is being deleted": (
        factories.head(deleting=(1,)),
        lambda h: transitions.record_serving(h, CLAIM),
        errors.NotFound,
        "version=1",
    ),
}


@pytest.mark.parametrize(("head", "step", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_what_would_hurt_is_refused(
    head: entities.Head, step: Step, kind: type[errors.RegistryError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        step(head)


NO_CHANGE: dict[str, tuple[entities.Head, Step]] = {
    "an alias set to where it is": (
        factories.head(),
        lambda h: transitions.set_alias(h, "champion", 1, MOVER),
    ),
    "a pinned alias set to where it is": (
        PINNED,
        lambda h: transitions.set_alias(h, "champion", 1, MOVER),
    ),
    "an alias deleted that is not there": (factories.head(), lambda h: transitions.delete_alias(h, "x", JOE, NOW)),
    "a tag set to what it is": (factories.head(tags={"a": "b"}), lambda h: transitions.set_tag(h, "a", "b")),
    "a tag deleted that is not there": (factories.head(), lambda h: transitions.delete_tag(h, "a")),
    "a pin made again": (PINNED, lambda h: transitions.pin_alias(h, "champion", 1, PIN, MOVER)),
    "a claim made again": (SERVED, lambda h: transitions.record_serving(h, CLAIM)),
    "a release of nothing": (factories.head(), lambda h: transitions.release(h, "u1")),
    "a version committed by a later one": (factories.head(), lambda h: transitions.commit_version(h, 2, (), NOW)),
    "a version committed again by its operation": (
        factories.head(operations=(("op", 3),)),
        lambda h: transitions.commit_version(h, 3, (("op", 3),), NOW),
    ),
}


@pytest.mark.parametrize(("head", "step"), NO_CHANGE.values(), ids=NO_CHANGE)
def test_what_changes_nothing_gives_an_equal_head(head: entities.Head, step: Step) -> None:
    assert step(head) == head


def test_a_clock_that_goes_backwards_breaks_no_order() -> None:
    head = transitions.set_alias(factories.head(), "champion", 2, MOVER)
    head = transitions.set_alias(head, "champion", 3, transitions.Mover(JOE, NOW - 3_000))
    assert [entry.time_ms for entry in head.history] == [NOW, NOW]
    assert transitions.describe(head, "new", 0).updated_ms == head.updated_ms
    assert transitions.commit_version(head, 4, (), 0).updated_ms == head.updated_ms
    assert transitions.describe_version(factories.version(), "new", 0).updated_ms == 1_000


TIMES: dict[str, tuple[Step, int]] = {
    "an alias that moves": (lambda h: transitions.set_alias(h, "champion", 2, MOVER), 2_000),
    "a tag": (lambda h: transitions.set_tag(h, "a", "b"), 2_000),
    "a description": (lambda h: transitions.describe(h, "d", NOW), NOW),
    "a version": (lambda h: transitions.commit_version(h, 4, (), NOW), NOW),
    "a deleted version": (lambda h: transitions.begin_deletion(h, 2, JOE, NOW), NOW),
}


@pytest.mark.parametrize(("step", "updated_ms"), TIMES.values(), ids=TIMES)
def test_the_time_of_the_last_update_follows_mlflow(step: Step, updated_ms: int) -> None:
    assert step(factories.head()).updated_ms == updated_ms


@settings(max_examples=50, deadline=None)
@given(factories.versions())
def test_a_tombstone_tells_nothing_but_that_the_version_was_there(version: entities.Version) -> None:
    before = dataclasses.replace(version, deleted=False)
    grave = transitions.redact(before, NOW)
    assert grave == entities.Version(
        before.model_uid,
        before.number,
        "",
        created_ms=before.created_ms,
        updated_ms=max(before.updated_ms, NOW),
        deleted=True,
        writes=before.writes,
    )
    assert transitions.redact(grave, NOW + 1) == grave


def test_a_head_remembers_the_latest_operations_only() -> None:
    head = factories.head(last_version=0)
    for number in range(1, 100):
        head = transitions.commit_version(head, number, [(f"op{number}", number)], NOW)
    assert head.last_version == 99
    assert [number for _, number in head.operations] == list(range(68, 100))


def test_trimming_takes_what_the_archive_holds_and_nothing_else() -> None:
    history = tuple(factories.entry(n) for n in range(1, 6))
    head = factories.head(history=history, history_total=5)
    after = transitions.trim(head, entities.Archive(factories.UID, 1, history[:3]))
    assert (after.history, after.history_total, after.archives) == (history[3:], 5, 1)


def test_a_rename_updates_the_model_and_each_version_that_is_seen_of_it() -> None:
    head = transitions.rename(transitions.begin_rename(factories.head(), "lily"), "lily", NOW)
    assert (head.name, head.renaming, head.renamed_ms, head.updated_ms) == ("lily", None, NOW, NOW)
    assert transitions.shown(head, factories.version()).updated_ms == NOW
    later = factories.version(updated_ms=NOW + 1)
    assert transitions.shown(head, later) == later


@pytest.mark.parametrize("held", [{"serving": {"u1": CLAIM}}, {"pins": {"champion": PIN}}], ids=["served", "pinned"])
def test_a_model_that_a_modelalias_uses_is_not_renamed(held: dict[str, object]) -> None:
    with pytest.raises(errors.InUse, match="ModelAlias prod/iris"):
        transitions.begin_rename(factories.head(**held), "lily")


def test_only_the_rename_that_is_under_way_is_ended() -> None:
    head = transitions.begin_rename(factories.head(), "lily")
    assert transitions.end_rename(head, "rose") == head
    assert transitions.end_rename(head, "lily") == factories.head()


def test_a_digest_of_an_artifact_that_is_elsewhere_by_now_is_not_recorded() -> None:
    moved = factories.version(location="s3://elsewhere")
    with pytest.raises(errors.Conflict, match="has its artifact at s3://elsewhere now, not s3://models/iris/1"):
        transitions.record_digest(moved, PLACE, "sha256:" + "0a" * 32)


@settings(max_examples=effort.examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(factories.versions(), st.builds(factories.head, stagings=factories.NUMBERS))
def test_no_transition_changes_where_an_artifact_is_or_comes_from(
    version: entities.Version, head: entities.Head
) -> None:
    decision = entities.Approval("approved", 1, factories.JOE, artifact="s3://elsewhere")
    changed = [
        transitions.describe_version(version, "other", NOW),
        transitions.shown(head, version),
        transitions.stage(version, "Production", head),
        transitions.archive(version, version.stage, head),
        transitions.set_version_tag(version, "k", "v"),
        transitions.delete_version_tag(version, "k"),
        transitions.decide(version, decision),
        transitions.record_digest(
            dataclasses.replace(version, digest=None), version.artifact_uri, "sha256:" + "0a" * 32
        ),
    ]
    assert {transitions.origin_of(each) for each in changed} == {transitions.origin_of(version)}
    assert {each.artifact_uri for each in changed} == {version.artifact_uri}


def test_the_first_digest_of_an_artifact_stays_and_another_is_refused_with_both() -> None:
    first, second = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32
    recorded = transitions.record_digest(factories.version(), PLACE, first)
    assert recorded == factories.version(digest=first)
    assert transitions.record_digest(recorded, PLACE, first) == recorded
    with pytest.raises(errors.ArtifactDiffers, match=f"has digest {second}, but {first} is recorded") as caught:
        transitions.record_digest(recorded, PLACE, second)
    assert (caught.value.recorded, caught.value.found) == (first, second)


def test_of_two_transitions_the_later_decides_the_stage_whichever_is_written_last() -> None:
    first = transitions.begin_staging(factories.head(), "Staging", NOW)
    second = transitions.begin_staging(first, "Production", NOW - 1)
    version = transitions.stage(factories.version(), "Production", second)
    assert transitions.stage(version, "Staging", first) == version
    assert (version.stage, version.updated_ms, second.updated_ms) == ("Production", NOW, NOW)


def test_what_came_into_a_stage_after_a_transition_is_not_archived_by_it() -> None:
    first = transitions.begin_staging(factories.head(), "Production", NOW)
    second = transitions.begin_staging(first, "Production", NOW)
    earlier = transitions.stage(factories.version(), "Production", first)
    later = transitions.stage(factories.version(number=2), "Production", second)
    assert transitions.archive(later, "Production", first) == later
    assert transitions.archive(earlier, "Production", second).stage == "Archived"
    assert transitions.archive(earlier, "Staging", second) == earlier


def test_a_head_uses_stages_from_the_first_one_that_is_none() -> None:
    unstaged = transitions.begin_staging(factories.head(), "None", NOW)
    staged = transitions.begin_staging(unstaged, "Archived", NOW)
    assert [head.uses_stages for head in (unstaged, staged, transitions.begin_staging(staged, "None", NOW))] == [
        False,
        True,
        True,
    ]


EVIDENCE = entities.Evidence((), {"accuracy": 0.95})


def test_evidence_is_recorded_once_for_an_alias_that_is_there_already() -> None:
    mover = dataclasses.replace(MOVER, evidence=EVIDENCE)
    head = factories.head(aliases={"champion": 1, "other": 1})
    recorded = transitions.converge_alias(head, "champion", 1, mover, "set")
    assert [(entry.alias, entry.evidence) for entry in recorded.history] == [("champion", EVIDENCE)]
    assert transitions.converge_alias(recorded, "champion", 1, mover, "set") == recorded
    other = transitions.converge_alias(recorded, "other", 1, mover, "set")
    assert [(entry.alias, entry.evidence) for entry in other.history[1:]] == [("other", EVIDENCE)]
    assert transitions.converge_alias(head, "champion", 1, MOVER, "set") == head
