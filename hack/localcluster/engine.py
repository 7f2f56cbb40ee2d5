"""Which kind of cluster this machine gets: kind where a Docker engine answers, else the processes of `cluster`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from localcluster import cluster, images, layout, requirements, shell


class Engine(Protocol):
    """A way to have a cluster."""

    def prepare(self, *, install: bool) -> None: ...
    def up(self) -> None: ...
    def down(self) -> list[str]: ...
    def status(self) -> dict[str, str]: ...
    def environment(self) -> dict[str, str]: ...
    def load(self, image: str) -> str: ...


class Local:
    """The cluster of processes."""

    def __init__(self, places: layout.Layout) -> None:
        self._places = places

    def prepare(self, *, install: bool) -> None:
        requirements.check_machine(install=install)

    def up(self) -> None:
        cluster.up(self._places)

    def down(self) -> list[str]:
        return cluster.down(self._places)

    def status(self) -> dict[str, str]:
        return cluster.status(self._places)

    def environment(self) -> dict[str, str]:
        return cluster.environment(self._places)

    def load(self, image: str) -> str:
        if image.endswith(".tar"):
            return images.load_archive(self._places, Path(image))
        return images.load_built(self._places, image)


def choose(places: layout.Layout) -> Engine:
    """kind if `docker info` answers; a local cluster that is up stays the choice until it is down."""
    if not places.kubeconfig.exists() and shell.succeeds(["docker", "info"]):
        from localcluster import kind

        return kind.Kind(places)
    return Local(places)
