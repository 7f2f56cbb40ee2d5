"""The artifact repository for clients that do not reach S3 themselves."""

import inspect

from mlflow.store.artifact import artifact_repo, s3_artifact_repo

from podium.mlflow_plugin import artifacts

OFFERED_BY_URL = (
    artifact_repo.MultipartUploadMixin,
    artifact_repo.MultipartDownloadMixin,
    artifact_repo.PresignedUploadMixin,
)


def test_a_server_offers_no_presigned_url_for_it() -> None:
    assert isinstance(s3_artifact_repo.S3ArtifactRepository("s3://bucket"), OFFERED_BY_URL)
    assert not isinstance(artifacts.ProxiedS3ArtifactRepository("s3-proxied://bucket"), OFFERED_BY_URL)


def test_it_is_on_the_same_objects_as_mlflows_own() -> None:
    opened = artifacts.ProxiedS3ArtifactRepository("s3-proxied://bucket/podium/1")
    assert opened._s3.artifact_uri == "s3://bucket/podium/1"


def test_every_method_that_an_artifact_repository_has_to_have_is_there() -> None:
    abstract = {
        name
        for name, member in inspect.getmembers(artifact_repo.ArtifactRepository)
        if getattr(member, "__isabstractmethod__", False)
    }
    assert abstract
    own = vars(artifacts.ProxiedS3ArtifactRepository)
    assert all(name in own for name in {*abstract, "delete_artifacts"})
