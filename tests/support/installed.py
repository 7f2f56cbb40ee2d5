"""What the fixtures of the cluster's tiers hand to tests: the cluster, the images, and Podium installed."""

import dataclasses
import typing

from demo import installation
from localcluster import context
from tests.support import models


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster that is up: how programs are told about it, and its addresses."""

    environment: dict[str, str]
    target: context.Target

    @property
    def ingress(self) -> str:
        """The ingress controller's address on loopback."""
        return self.environment["PODIUM_INGRESS"]

    @property
    def invocations(self) -> str:
        """Where models answer through the ingress; the Host header chooses the model."""
        return f"{self.ingress}/invocations"

    @property
    def bucket(self) -> models.Bucket:
        """The S3 server."""
        return models.Bucket.from_environment(self.environment)


@dataclasses.dataclass(frozen=True)
class Images:
    """The project's images and the light server's, by name; all of them are loaded."""

    operator: str
    server: str
    tracking: str
    light: str


@dataclasses.dataclass(frozen=True)
class Podium:
    """The installation."""

    environment: dict[str, str]
    values: dict[str, typing.Any]
    release: str = installation.RELEASE
    namespace: str = installation.NAMESPACE
    registry_namespace: str = installation.NAMESPACE

    @property
    def tracking_uri(self) -> str:
        """Where MLflow's clients on this machine find the tracking server."""
        return installation.tracking_uri(self.environment)

    @property
    def mlflow_environment(self) -> dict[str, str]:
        """What a program that is a plain MLflow client needs."""
        return installation.mlflow_environment(self.environment)

    def upgrade(self, **values: typing.Any) -> None:
        """Upgrades the release with other top-level values; for serial tests, which call it again to go back."""
        installation.install(self.environment, self.values | values)
