"""One version is one artifact: what the API server refuses of where it is, whose run it is of, and its digest."""

import collections.abc

import pytest

from localcluster import context
from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import codec, keys
from tests.support import cluster, guarded
from tests.support.guarded import Site

DIGEST, OTHER_DIGEST = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32
PLACE = "s3://models/1"
SAME_PLACE = "the artifact of a version is|are those that it was registered with"
"""Where it is; or, of the run and the logged model, what the policy says of all that registered a version."""
FIRST_DIGEST = "is recorded by the operator after the first pull, and never changes"


@pytest.fixture(scope="module")
def site(target: context.Target, api: cluster.Api, namespace: str) -> collections.abc.Iterator[Site]:
    with guarded.installed(target, api, namespace) as made:
        yield made


@pytest.fixture
def approved(site: Site) -> collections.abc.Iterator[str]:
    """A version that an approver has approved: the name of its ConfigMap."""
    registry = site.registry("publisher")
    registry.models.create("iris")
    registry.versions.create("iris", source=PLACE)
    decision = entities.Approval("approved", 1_000, site.actor("approver"), "fine")
    site.registry("approver").versions.decide("iris", 1, decision)
    yield keys.version_name(registry.models.fresh("iris").uid, 1)
    registry.models.delete("iris")
    site.registry(site.operator).sweep()


def read(site: Site, name: str) -> entities.Version:
    return codec.decode_version(site.record(name))


def record(site: Site, name: str, digest: str = DIGEST) -> None:
    uid = read(site, name).model_uid
    site.registry(site.operator).versions.record_digest(uid, 1, PLACE, digest)


@pytest.mark.parametrize("user", ["publisher", "approver", "maintainer", "operator"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"source": '"s3://evil/1"'}, id="source"),
        pytest.param({"location": '"s3://evil/1"'}, id="location"),
        pytest.param({"runId": '"run-of-another"'}, id="run"),
        pytest.param({"modelId": '"m-of-another"'}, id="logged model"),
    ],
)
def test_nobody_gives_an_approved_version_another_artifact(
    site: Site, approved: str, user: str, change: dict[str, str]
) -> None:
    before = site.read(approved)
    with pytest.raises(errors.KubeError, match=SAME_PLACE):
        site.write(site.operator if user == "operator" else user, approved, lambda data: data.update(change))
    assert site.read(approved) == before
    version = read(site, approved)
    assert version.is_artifact_of(version.approvals[-1])


def test_a_mirror_may_move_an_artifact_and_what_was_decided_and_found_of_it_is_void(site: Site, approved: str) -> None:
    record(site, approved)

    def move(data: dict[str, str]) -> None:
        data["source"] = '"s3://moved/1"'
        del data["digest"]

    site.write("mirror", approved, move)
    moved = read(site, approved)
    assert (moved.source, moved.digest) == ("s3://moved/1", None)
    assert [each.decision for each in moved.approvals] == ["approved"]
    assert not moved.is_artifact_of(moved.approvals[-1])


def test_a_digest_is_recorded_by_the_operator_once_and_kept_from_everybody(site: Site, approved: str) -> None:
    for user in ("publisher", "approver"):
        with pytest.raises(errors.KubeError, match=FIRST_DIGEST):
            site.write(user, approved, lambda data: data.update(digest=DIGEST))
    record(site, approved)
    record(site, approved)
    with pytest.raises(errors.ArtifactDiffers):
        record(site, approved, OTHER_DIGEST)
    for user in ("publisher", "approver", "maintainer", "mirror", site.operator):
        for change in (lambda data: data.update(digest=OTHER_DIGEST), lambda data: data.pop("digest")):
            with pytest.raises(errors.KubeError, match=FIRST_DIGEST):
                site.write(user, approved, change)
    assert read(site, approved).digest == DIGEST
    site.registry("publisher").versions.set_tag("iris", 1, "k", "v")
    assert read(site, approved).digest == DIGEST


def test_a_place_that_is_mended_by_hand_leaves_no_approval(site: Site, approved: str) -> None:
    site.write("repairer", approved, lambda data: data.update(source='"s3://mended/1"'), names.REPAIR_MANAGER)
    version = read(site, approved)
    assert not version.is_artifact_of(version.approvals[-1])
