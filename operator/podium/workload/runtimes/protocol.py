"""What a runtime has to tell about its server."""

import collections.abc
import dataclasses
from typing import Protocol

from podium.api import model_version


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where the server answers what. The three probes may ask one path."""

    invocations: str
    """Requests of clients."""
    metrics: str
    """Prometheus' metrics, on the runtime's `metrics_port`."""
    startup: str
    readiness: str
    liveness: str


@dataclasses.dataclass(frozen=True)
class Program:
    """What runs in the server container."""

    image: str
    command: collections.abc.Sequence[str] = ()
    """Absent: the image's own."""
    args: collections.abc.Sequence[str] = ()
    env: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Texts, in which `$` stands for itself. A variable of the user's own of the same name wins."""


class Runtime(Protocol):
    """One kind of model server."""

    @property
    def port(self) -> int:
        """Where the server listens."""

    @property
    def metrics_port(self) -> int:
        """Where the server answers with its metrics: `port`, or one of its own that no Service leads to."""

    @property
    def paths(self) -> Paths:
        """Where it answers what."""

    @property
    def grace_seconds(self) -> int:
        """The pod's terminationGracePeriodSeconds: the server has ended by then, or is killed."""

    @property
    def stop_delay_seconds(self) -> int:
        """How long the kubelet waits before it tells the server to end, so that proxies forget the pod first.

        0 for a server that goes on accepting for a while by itself.
        """

    def build_program(self, spec: model_version.ModelVersionSpec, default_image: str) -> Program:
        """What runs in the server container; `default_image` where the spec names none."""
