"""The delivery is a seam: an artifact that is mounted has no puller, and nobody waits for a report."""

import dataclasses

from podium import names
from podium.manifest import Manifest
from podium.workload import pod, sources, version
from podium.workload.storage import delivery
from tests.unit.workload import factories
from tests.unit.workload.storage import claim

CLAIM: delivery.Delivery = claim.Claim()
SOURCE = sources.Source(claim.URI, CLAIM, model_uid="uid-of-iris")
LOST = sources.Problem(names.VERSION_NOT_FOUND, "model 'iris' has no version 1")


def template() -> Manifest:
    outcome = version.decide(factories.world(source=SOURCE))
    found: Manifest = next(c for c in outcome.children if c["kind"] == "Deployment")["spec"]["template"]["spec"]
    return found


def serving(**fields: object) -> version.World:
    """All pods are Ready; no puller has ever reported."""
    built = pod.build_pod_template(factories.METADATA, factories.spec(), SOURCE, factories.DEFAULTS, factories.RUNTIME)
    deployment = factories.deployment(factories.spec(), uri=claim.URI)
    return factories.world(**({"source": SOURCE, "frozen": built, "deployment": deployment} | fields))


def condition(outcome: version.Outcome, kind: str) -> tuple[str, str]:
    return next((c.status, c.reason) for c in outcome.status.conditions if c.type == kind)


def test_the_pod_has_the_volume_and_no_init_container() -> None:
    spec = template()
    assert "initContainers" not in spec
    assert spec["volumes"] == [
        {"name": "model", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {"name": "tmp", "emptyDir": {}},
    ]


def test_the_server_finds_the_artifact_where_it_always_is() -> None:
    (server,) = template()["containers"]
    mount = next(mount for mount in server["volumeMounts"] if mount["name"] == "model")
    assert mount == {"name": "model", "mountPath": names.MODEL_DIR, "subPath": "iris/1", "readOnly": True}


def test_nobody_waits_for_a_report() -> None:
    new = version.decide(factories.world(source=SOURCE))
    assert condition(new, names.ARTIFACT_READY) == ("True", "Mounted")
    assert condition(new, names.READY) == ("False", "Progressing")
    assert condition(version.decide(serving()), names.READY) == ("True", "PodsReady")


def test_no_digest_is_recorded_or_asked_for() -> None:
    outcome = version.decide(serving())
    assert factories.dump(outcome.status)["artifact"] == {"uri": claim.URI}
    assert [child["kind"] for child in outcome.children] == ["Deployment", "Service"]


def test_a_source_that_is_lost_does_not_make_a_mounted_artifact_one_that_is_being_pulled() -> None:
    before = serving()
    lost = dataclasses.replace(before, status=version.decide(before).status, source=LOST)
    assert condition(version.decide(lost), names.ARTIFACT_READY) == ("True", "Mounted")
