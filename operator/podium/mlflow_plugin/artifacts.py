"""Artifacts: an artifact repository on S3 for tracking servers whose clients cannot reach S3 themselves.

A server of MLflow 3.17 with ``--artifacts-destination s3://…`` sends its clients to S3 by presigned URLs, which name
the endpoint that the server uses. A client outside of the cluster cannot resolve that name, and tries for minutes.
MLflow has no option against it. With ``s3-proxied://BUCKET/PATH`` the same objects pass through the server.
"""

from typing import Any

from mlflow.store.artifact import artifact_repo, s3_artifact_repo

from podium.mlflow_plugin import server


class ProxiedS3ArtifactRepository(artifact_repo.ArtifactRepository):  # type: ignore[misc]  # MLflow has no types
    """MLflow's own S3 repository without its methods for presigned URLs, so that a server offers none."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._s3 = s3_artifact_repo.S3ArtifactRepository(
            server.storage_uri(artifact_uri), tracking_uri=tracking_uri, registry_uri=registry_uri
        )

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """See MLflow's ArtifactRepository."""
        self._s3.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """See MLflow's ArtifactRepository."""
        self._s3.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> Any:
        """See MLflow's ArtifactRepository."""
        return self._s3.list_artifacts(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self._s3._download_file(remote_file_path, local_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """See MLflow's ArtifactRepository."""
        self._s3.delete_artifacts(artifact_path)
