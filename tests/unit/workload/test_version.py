"""The decision about a ModelVersion: what it makes, and what it says."""

import dataclasses
import datetime
from typing import Any

import pytest

from podium import names
from podium.api import common, conditions, model_version
from podium.workload import intent, pods, sources, version
from tests.unit.workload import factories

NOT_FOUND = sources.Problem("VersionNotFound", "model 'iris' has no version 1; it has 2 and 3")
PULLED = f"the artifact has the digest {factories.DIGEST}, and every later pull must bring the same"
DENIED = pods.Report(reason="AccessDenied", message="s3://artifacts/iris/1: AccessDenied: grant s3:ListBucket")


def kinds(outcome: version.Outcome) -> list[str]:
    return [child["kind"] for child in outcome.children]


def said(outcome: version.Outcome, condition_type: str) -> tuple[str, str, str] | None:
    found = conditions.find(factories.dump(outcome.status), condition_type)
    return (found["status"], found["reason"], found["message"]) if found else None


def report(digest: str = factories.DIGEST) -> pods.Report:
    return pods.Report(digest=digest, bytes=7, seconds=0.5)


def test_a_new_model_version_gets_its_template_before_the_deployment_that_runs_it() -> None:
    outcome = version.decide(factories.world())
    assert kinds(outcome) == ["ControllerRevision", "Deployment", "Service"]
    assert outcome.children[0]["data"] == outcome.children[1]["spec"]["template"]
    assert said(outcome, names.READY) == ("False", "Progressing", "0 of 3 pods are ready")
    assert said(outcome, names.RECONCILING) == ("True", "Progressing", "0 of 3 pods are ready")
    assert said(outcome, names.STALLED) is None
    assert said(outcome, names.ARTIFACT_READY) == ("Unknown", "Pulling", "no pod has pulled the artifact yet")


def test_an_ingress_is_made_where_it_is_asked_for_and_goes_when_it_is_not() -> None:
    asked = factories.spec(ingress={"host": "iris.example.com"})
    assert kinds(version.decide(factories.world(spec=asked)))[-1] == "Ingress"
    assert version.decide(factories.world(has_ingress=True)).unneeded == (("Ingress", "iris-v1"),)


def test_all_children_are_owned_named_and_labelled_for_the_model_version() -> None:
    asked = factories.spec(ingress={"host": "iris.example.com"})
    outcome = version.decide(factories.serving(spec=asked, frozen=None))
    assert sorted(kinds(outcome)) == ["ConfigMap", "ControllerRevision", "Deployment", "Ingress", "Service"]
    for child in outcome.children:
        metadata = child["metadata"]
        assert [(o["kind"], o["uid"], o["controller"]) for o in metadata["ownerReferences"]] == [
            ("ModelVersion", "uid-of-iris-v1", True)
        ]
        assert metadata["labels"][names.MANAGED_BY_LABEL] == names.MANAGED_BY
        assert (metadata["name"].startswith("iris-v1"), metadata["namespace"]) == (True, "models")


def test_the_frozen_template_is_used_verbatim_whatever_the_operators_images_are_now() -> None:
    newer = dataclasses.replace(factories.DEFAULTS, server_image="podium-server:2", puller_image="podium-server:2")
    before = factories.serving()
    outcome = version.decide(dataclasses.replace(before, defaults=newer))
    assert kinds(outcome) == ["ConfigMap", "Deployment", "Service"]
    assert outcome.children[1]["spec"]["template"] == before.frozen
    assert factories.dump(outcome.status)["image"] == "podium-server:1"


def test_templates_of_past_intents_go_only_when_the_current_one_is_kept() -> None:
    current = f"iris-v1-{intent.hash_intent(factories.spec(), factories.URI)}"
    known = [current, "iris-v1-1-past"]
    assert version.decide(factories.serving(frozen_names=known)).unneeded == (("ControllerRevision", "iris-v1-1-past"),)
    assert version.decide(factories.world(frozen_names=["iris-v1-1-past"])).unneeded == ()


def test_all_pods_ready_is_ready_and_nothing_else() -> None:
    outcome = version.decide(factories.serving())
    assert said(outcome, names.READY) == ("True", "PodsReady", "3 of 3 pods are ready")
    assert said(outcome, names.ARTIFACT_READY) == ("True", "Pulled", PULLED)
    assert [c["type"] for c in factories.dump(outcome.status)["conditions"]] == ["Ready", "ArtifactReady"]
    assert factories.dump(outcome.status)["endpoint"] == "http://iris-v1.models.svc"
    assert factories.dump(outcome.status)["selector"] == "podium.dev/model-version-name=iris-v1"


def test_a_second_look_at_the_same_things_says_the_same() -> None:
    first = factories.serving()
    status = version.decide(first).status
    again = dataclasses.replace(first, status=status, now=factories.NOW.replace(hour=11))
    assert version.decide(again).status == status


def unobserved() -> dict[str, Any]:
    """A Deployment whose counts are there and whose status says of no generation."""
    made = factories.deployment(factories.spec())
    del made["status"]["observedGeneration"]
    return made


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"deployment": None}, id="the Deployment is not there"),
        pytest.param({"deployment": factories.deployment(factories.spec(), ready=2)}, id="one pod is not Ready"),
        pytest.param(
            {"deployment": factories.deployment(factories.spec(), updatedReplicas=2)}, id="an old pod is left"
        ),
        pytest.param({"deployment": factories.deployment(factories.spec(), replicas=4)}, id="a surplus pod is left"),
        pytest.param({"deployment": factories.deployment(factories.spec(), observedGeneration=0)}, id="not seen yet"),
        pytest.param({"deployment": unobserved()}, id="nobody has looked at the Deployment yet"),
        pytest.param(
            {"deployment": factories.deployment(factories.spec(replicas=1))}, id="another number is asked for"
        ),
        pytest.param(
            {"deployment": factories.deployment(factories.spec(runtime={"workers": 4}))},
            id="the pods are of another intent",
        ),
        pytest.param({"deployment": factories.deployment(factories.spec(), uri="s3://b/old")}, id="of another source"),
    ],
)
def test_ready_waits_for_what_is_asked_for_now(change: dict[str, Any]) -> None:
    outcome = version.decide(factories.serving(**change))
    assert said(outcome, names.READY)[:2] == ("False", "Progressing")  # type: ignore[index]  # it is there
    assert said(outcome, names.RECONCILING) is not None
    assert said(outcome, names.STALLED) is None


def test_scaled_to_zero_is_ready_and_says_so() -> None:
    outcome = version.decide(factories.serving(spec=factories.spec(replicas=0)))
    assert said(outcome, names.READY) == ("True", "ScaledToZero", "no pods are requested")


def build_error(reason: str, message: str, *, is_stalled: bool) -> common.LastError:
    return common.LastError(reason=reason, message=message, since="", generation=1, stalled=is_stalled)


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


FULL = pods.Trouble("", "Unschedulable", "0/1 nodes: Insufficient cpu", may_pass=True)
UNREACHABLE = pods.Report(reason="EndpointUnreachable", message="no answer", may_pass=True)
OVERDUE = factories.deployment(
    factories.spec(), ready=0, **condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
)
TROUBLES = [
    pytest.param(
        {"pods": [factories.a_pod(report=DENIED)]},
        ("AccessDenied", "s3://artifacts/iris/1: AccessDenied: grant s3:ListBucket"),
        id="S3 denies: the puller's own reason and sentence",
    ),
    pytest.param(
        {"pods": [factories.a_pod(trouble=pods.Trouble("server", "ImagePullFailed", "not found"))]},
        ("ImagePullFailed", "pod iris-v1-0: not found"),
        id="the image is missing",
    ),
    pytest.param(
        {"pods": [factories.a_pod(trouble=pods.Trouble("server", "ContainerCrashed", "it does not load"))]},
        ("ContainerCrashed", "pod iris-v1-0: it does not load"),
        id="the server crashes",
    ),
    pytest.param(
        {"deployment": OVERDUE, "pods": [factories.a_pod(trouble=FULL)]},
        ("Unschedulable", "pod iris-v1-0: 0/1 nodes: Insufficient cpu"),
        id="no node has had room",
    ),
    pytest.param(
        {"deployment": OVERDUE, "pods": [factories.a_pod(report=UNREACHABLE)]},
        ("EndpointUnreachable", "no answer"),
        id="the pull's first try failed, and the pods had their time",
    ),
    pytest.param(
        {
            "pods": [
                factories.a_pod(trouble=pods.Trouble("", "Unschedulable", "Insufficient cpu")),
                factories.a_pod("iris-v1-1", report=DENIED),
            ]
        },
        ("AccessDenied", DENIED.message),
        id="the puller's word goes before the scheduler's",
    ),
    pytest.param(
        {
            "deployment": factories.deployment(
                factories.spec(), ready=0, **condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: q")
            )
        },
        ("PodsRefused", "exceeded quota: q"),
        id="quota or Pod Security refuses the pods",
    ),
    pytest.param(
        {
            "deployment": factories.deployment(
                factories.spec(), ready=0, **condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
            ),
            "pods": [factories.a_pod()],
        },
        (
            "PodsNotAvailable",
            "no new pod became Ready within 960 s (waiting: iris-v1-0): their Events say more (kubectl describe pod)",
        ),
        id="never healthy, and nobody says why",
    ),
    pytest.param(
        {"error": build_error("Refused", "Ingress iris-v1 is invalid: spec.rules[0].host", is_stalled=True)},
        ("Refused", "Ingress iris-v1 is invalid: spec.rules[0].host"),
        id="the API server refuses a child although the pods are Ready",
    ),
    pytest.param(
        {"pods": [factories.a_pod(report=report("sha256:other"), ready=True)]},
        (
            "DigestMismatch",
            f"pod iris-v1-0 pulled sha256:other, but {factories.DIGEST} is recorded of this version: the artifact was "
            "changed meanwhile. Delete the pod, or register the artifact as a new version",
        ),
        id="a pod that pulled at the same time brought something else",
    ),
]


@pytest.mark.parametrize(("change", "words"), TROUBLES)
def test_trouble_is_told_as_it_was_said_and_somebody_must_act(change: dict[str, Any], words: tuple[str, str]) -> None:
    partly = {"deployment": factories.deployment(factories.spec(), ready=2)} if "pods" in change else {}
    outcome = version.decide(factories.serving(**(partly | change)))
    assert said(outcome, names.READY) == ("False", *words)
    assert said(outcome, names.STALLED) == ("True", *words)
    assert said(outcome, names.RECONCILING) is None
    assert kinds(outcome) == ["ConfigMap", "Deployment", "Service"]


PASSING = [
    pytest.param(
        {"pods": [factories.a_pod(trouble=FULL)]},
        ("Unschedulable", "2 of 3 pods are ready; pod iris-v1-0: 0/1 nodes: Insufficient cpu"),
        id="no node has room yet",
    ),
    pytest.param(
        {"pods": [factories.a_pod(trouble=pods.Trouble("server", "ContainerCrashed", "exit code 1", may_pass=True))]},
        ("ContainerCrashed", "2 of 3 pods are ready; pod iris-v1-0: exit code 1"),
        id="the server ended once",
    ),
    pytest.param(
        {"pods": [factories.a_pod(report=UNREACHABLE)]},
        ("EndpointUnreachable", "2 of 3 pods are ready; no answer"),
        id="the pull's first try failed",
    ),
    pytest.param(
        {"error": build_error("Retrying", "tried again: the webhook does not answer", is_stalled=False)},
        ("Retrying", "tried again: the webhook does not answer"),
        id="a write fails, and is tried again",
    ),
]


@pytest.mark.parametrize(("change", "words"), PASSING)
def test_what_may_pass_by_itself_is_told_and_nobody_has_to_act(change: dict[str, Any], words: tuple[str, str]) -> None:
    partly = {"deployment": factories.deployment(factories.spec(), ready=2)}
    outcome = version.decide(factories.serving(**(partly | change)))
    assert said(outcome, names.READY) == ("False", *words)
    assert said(outcome, names.RECONCILING) == ("True", *words)
    assert said(outcome, names.STALLED) is None


def test_a_write_that_fails_keeps_a_modelversion_from_ready_although_its_pods_are() -> None:
    error = build_error("Retrying", "tried again: no answer", is_stalled=False)
    assert said(version.decide(factories.serving(error=error)), names.READY) == ("False", error.reason, error.message)


def test_a_pod_that_no_node_takes_has_as_long_as_a_new_pod_may_take_also_where_the_deployment_is_old() -> None:
    since = factories.NOW - datetime.timedelta(seconds=900)
    trouble = dataclasses.replace(FULL, since=conditions.timestamp(since))
    world = factories.serving(
        deployment=factories.deployment(factories.spec(), ready=2), pods=[factories.a_pod(trouble=trouble)]
    )
    outcome = version.decide(world)
    assert said(outcome, names.STALLED) is None
    assert outcome.again_after == 60
    later = version.decide(dataclasses.replace(world, now=world.now + datetime.timedelta(seconds=60)))
    assert said(later, names.STALLED) == ("True", "Unschedulable", "pod iris-v1-0: 0/1 nodes: Insufficient cpu")
    assert later.again_after is None


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        pytest.param(
            factories.a_pod(report=UNREACHABLE),
            ("Unknown", "EndpointUnreachable", "0 of 3 pods are ready; no answer"),
            id="the pull is tried again",
        ),
        pytest.param(factories.a_pod(report=DENIED), ("False", "AccessDenied", DENIED.message), id="the pull failed"),
        pytest.param(
            factories.a_pod(trouble=pods.Trouble("puller", "ContainerConfigInvalid", 'secret "s3" not found')),
            ("False", "ContainerConfigInvalid", 'secret "s3" not found'),
            id="the puller cannot be made",
        ),
        pytest.param(
            factories.a_pod(report=report()),
            ("True", "Pulled", PULLED),
            id="the pull succeeded",
        ),
        pytest.param(
            factories.a_pod(trouble=pods.Trouble("server", "ContainerCrashed", "no")),
            ("Unknown", "Pulling", "no pod has pulled the artifact yet"),
            id="the trouble is the server's",
        ),
    ],
)
def test_artifact_ready_tells_about_the_pull_alone(pod: pods.Pod, words: tuple[str, str, str]) -> None:
    assert said(version.decide(factories.world(pods=[pod])), names.ARTIFACT_READY) == words


def test_trouble_of_one_pod_is_not_told_while_all_that_are_asked_for_are_ready() -> None:
    outcome = version.decide(factories.serving(pods=[factories.a_pod(report=DENIED)]))
    assert said(outcome, names.READY)[0] == "True"  # type: ignore[index]  # it is there
    assert said(outcome, names.STALLED) is None


def test_pods_that_are_being_deleted_are_not_listened_to() -> None:
    leaving = factories.a_pod(report=DENIED, terminating=True)
    assert said(version.decide(factories.world(pods=[leaving])), names.STALLED) is None


def test_without_a_source_nothing_is_made_and_the_reason_is_told() -> None:
    outcome = version.decide(factories.world(source=NOT_FOUND))
    assert (outcome.children, outcome.unneeded) == ((), ())
    assert said(outcome, names.READY) == ("False", NOT_FOUND.reason, NOT_FOUND.message)
    assert said(outcome, names.STALLED) == ("True", NOT_FOUND.reason, NOT_FOUND.message)


def test_a_source_that_is_lost_while_pods_serve_is_told_and_nothing_is_touched() -> None:
    before = factories.serving(frozen_names=["iris-v1-1-past"], has_ingress=True)
    outcome = version.decide(dataclasses.replace(before, source=NOT_FOUND))
    assert (outcome.children, outcome.unneeded) == ((), ())
    assert said(outcome, names.READY) == ("True", "PodsReady", "3 of 3 pods are ready")
    assert said(outcome, names.STALLED) == ("True", NOT_FOUND.reason, NOT_FOUND.message)
    kept = ("artifact", "modelUid", "runId", "image")
    said_now, said_before = factories.dump(outcome.status), factories.dump(before.status)
    assert {key: said_now[key] for key in kept} == {key: said_before[key] for key in kept}


def test_a_change_that_cannot_be_made_for_want_of_a_source_is_not_ready() -> None:
    before = factories.serving()
    changed = dataclasses.replace(before, source=NOT_FOUND, spec=factories.spec(runtime={"workers": 4}))
    assert said(version.decide(changed), names.READY) == ("False", NOT_FOUND.reason, NOT_FOUND.message)


def test_another_model_of_the_same_name_is_not_served_in_silence() -> None:
    replaced = dataclasses.replace(factories.SOURCE, model_uid="uid-of-another", uri="s3://artifacts/another/1")
    outcome = version.decide(factories.serving(source=replaced))
    assert outcome.children == ()
    assert said(outcome, names.STALLED)[:2] == ("True", names.MODEL_REPLACED)  # type: ignore[index]  # it is there
    assert factories.dump(outcome.status)["modelUid"] == "uid-of-iris"


def test_the_first_digest_is_recorded_and_every_later_pull_is_held_to_it() -> None:
    pulled = factories.a_pod(report=report())
    first = version.decide(factories.world(pods=[pulled]))
    recorded = factories.dump(first.status)["artifact"]
    assert recorded == {"uri": factories.URI, "digest": factories.DIGEST, "bytes": 7, "seconds": 0.5}
    assert digest_of(first) == factories.DIGEST
    later = factories.world(status=first.status, pods=[factories.a_pod(report=report("sha256:other"))])
    assert digest_of(version.decide(later)) == factories.DIGEST
    assert factories.dump(version.decide(later).status)["artifact"] == recorded


REGISTERED = sources.Registered("registry", "uid-of-iris", 1)
KNOWN = dataclasses.replace(REGISTERED, digest=factories.DIGEST)
OTHER = "sha256:" + "1" * 64


def of(registered: sources.Registered | None) -> sources.Source:
    return dataclasses.replace(factories.SOURCE, registered=registered)


def digest_of(outcome: version.Outcome) -> str | None:
    """What the ConfigMap says that every pull has to bring."""
    found = [child["data"][names.DIGEST_KEY] for child in outcome.children if child["kind"] == "ConfigMap"]
    return found[0] if found else None


def test_what_the_registry_records_of_a_version_is_there_before_the_first_pod_and_is_not_said_to_be_pulled() -> None:
    outcome = version.decide(factories.world(source=of(KNOWN)))
    assert kinds(outcome) == ["ControllerRevision", "ConfigMap", "Deployment", "Service"]
    assert digest_of(outcome) == factories.DIGEST
    assert outcome.recording is None
    assert factories.dump(outcome.status)["artifact"] == {"uri": factories.URI}
    assert said(outcome, names.ARTIFACT_READY) == ("Unknown", "Pulling", "no pod has pulled the artifact yet")


def test_the_first_pull_of_a_version_is_recorded_in_the_registry_and_only_that() -> None:
    pulled = [factories.a_pod(report=report())]
    recording = version.Recording(REGISTERED, factories.URI, factories.DIGEST)
    assert version.decide(factories.world(source=of(REGISTERED), pods=pulled)).recording == recording
    assert version.decide(factories.serving(source=of(REGISTERED))).recording == recording  # of an earlier Podium
    assert version.decide(factories.world(source=of(REGISTERED))).recording is None
    assert version.decide(factories.world(source=of(KNOWN), pods=pulled)).recording is None
    assert version.decide(factories.world(source=of(None), pods=pulled)).recording is None


def test_a_digest_that_the_registry_did_not_take_is_not_said_to_be_the_versions() -> None:
    refused = common.LastError(reason="DigestMismatch", message="another", since="t", generation=1, stalled=True)
    pulled = [factories.a_pod(report=report(OTHER))]
    outcome = version.decide(factories.world(source=of(REGISTERED), pods=pulled, error=refused))
    assert factories.dump(outcome.status)["artifact"] == {"uri": factories.URI}
    assert said(outcome, names.READY) == ("False", "DigestMismatch", "another")


def test_a_pull_that_began_before_a_mirrored_artifact_moved_says_nothing_of_the_one_that_is_there_now() -> None:
    moved = dataclasses.replace(of(REGISTERED), uri="s3://artifacts/moved")
    old = dataclasses.replace(factories.a_pod(report=report()), source=factories.URI)
    outcome = version.decide(factories.world(source=moved, pods=[old]))
    assert (outcome.recording, digest_of(outcome)) == (None, None)
    assert factories.dump(outcome.status)["artifact"] == {"uri": moved.uri}
    new = dataclasses.replace(factories.a_pod(report=report(OTHER)), source=moved.uri)
    outcome = version.decide(factories.world(source=moved, pods=[old, new]))
    assert outcome.recording == version.Recording(REGISTERED, moved.uri, OTHER)
    assert (said(outcome, names.READY) or ("", ""))[1] != "DigestMismatch"


def test_what_was_pulled_from_elsewhere_is_not_recorded_of_the_version() -> None:
    elsewhere = dataclasses.replace(of(REGISTERED), uri="s3://artifacts/moved")
    assert version.decide(factories.serving(source=elsewhere)).recording is None


def test_a_pod_that_brought_something_else_than_the_registry_records_is_told_and_nothing_gets_ready() -> None:
    """Two aliases pulled a version for the first time at a time, and the other one's digest was recorded."""
    spec = factories.spec()
    pods_of_loser = [factories.a_pod(report=report(OTHER), ready=True)]
    world = factories.world(source=of(KNOWN), pods=pods_of_loser, deployment=factories.deployment(spec))
    outcome = version.decide(world)
    sentence = (
        f"pod iris-v1-0 pulled {OTHER}, but {factories.DIGEST} is recorded of this version: the artifact was changed "
        "meanwhile. Delete the pod, or register the artifact as a new version"
    )
    assert outcome.recording is None
    assert digest_of(outcome) == factories.DIGEST
    assert factories.dump(outcome.status)["artifact"] == {"uri": factories.URI}
    for condition_type, status in ((names.READY, "False"), (names.ARTIFACT_READY, "False"), (names.STALLED, "True")):
        assert said(outcome, condition_type) == (status, "DigestMismatch", sentence)


def test_a_modelversion_that_was_first_served_from_other_bytes_than_the_registry_records_is_told() -> None:
    outcome = version.decide(factories.serving(source=of(dataclasses.replace(KNOWN, digest=OTHER))))
    assert digest_of(outcome) == factories.DIGEST  # what is served stays
    assert outcome.recording is None
    stalled = said(outcome, names.STALLED)
    assert stalled is not None
    assert stalled[:2] == ("True", "DigestMismatch")
    assert f"first served from {factories.DIGEST}, but the registry records {OTHER} of version 1" in stalled[2]
    assert said(outcome, names.READY)[:2] == ("False", "DigestMismatch")  # type: ignore[index]  # it is there


def test_every_status_fits_the_kind() -> None:
    for world in (factories.world(), factories.serving(), factories.world(source=NOT_FOUND)):
        status = factories.dump(version.decide(world).status)
        parsed = model_version.ModelVersionStatus.model_validate(status)
        assert parsed.model_dump(by_alias=True, exclude_none=True) == status


def test_ready_and_stalled_are_news_once_and_of_a_standalone_model_version_only() -> None:
    ready = factories.serving()
    first = version.find_news(ready, version.decide(ready))
    assert first is not None
    assert (first.type, first.reason) == (names.READY, "PodsReady")
    again = dataclasses.replace(ready, status=version.decide(ready).status)
    assert version.find_news(again, version.decide(again)) is None

    lost = dataclasses.replace(again, source=sources.Problem(names.MODEL_NOT_FOUND, "no such model"))
    told = version.find_news(lost, version.decide(lost))
    assert told is not None
    assert (told.type, told.reason) == (names.STALLED, names.MODEL_NOT_FOUND)

    owner = {"apiVersion": "podium.dev/v1beta1", "kind": "ModelAlias", "name": "champion", "controller": True}
    revision = dataclasses.replace(ready, metadata=factories.METADATA | {"ownerReferences": [owner]})
    assert version.find_news(revision, version.decide(revision)) is None


def test_the_status_counts_pods_of_the_generation_that_was_looked_at() -> None:
    spec = factories.spec(replicas=3)
    metadata = factories.METADATA | {"generation": 4}
    seen = factories.deployment(spec, ready=2)
    outcome = version.decide(factories.world(spec=spec, metadata=metadata, deployment=seen))
    status = outcome.status
    assert (status.observed_generation, status.replicas, status.ready_replicas) == (4, 3, 2)
    assert {each.observed_generation for each in status.conditions} == {4}


def test_the_service_leads_to_the_pods_that_the_deployment_makes_and_to_no_others() -> None:
    outcome = version.decide(factories.world())
    deployment, service = (next(c for c in outcome.children if c["kind"] == kind) for kind in ("Deployment", "Service"))
    selector = service["spec"]["selector"]
    assert selector == deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert "iris-v1" in selector.values()


def test_why_workers_are_not_forked_is_kept_until_the_spec_changes() -> None:
    why = "it does not answer in a forked worker"
    told = factories.a_pod(no_forks=why)

    def tell(**fields: Any) -> str | None:
        return version.decide(factories.world(**fields)).status.worker_start

    assert tell() is None
    assert tell(pods=[told]) == "it does not answer in a forked worker"
    generation = factories.METADATA["generation"]
    known = model_version.ModelVersionStatus(worker_start="it hangs", observed_generation=generation)
    assert tell(status=known) == "it hangs"
    assert tell(status=known.model_copy(update={"observed_generation": generation - 1})) is None
    assert tell(pods=[told], spec=factories.spec(runtime={"workerStart": "Spawn"})) is None
