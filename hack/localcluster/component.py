"""What a component of the cluster is: something that can be started, asked whether it is ready, and stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

from localcluster import failure, layout, processes, shell


class Component(Protocol):
    """One part of the cluster. Each method may be called at any time: what is already so stays so."""

    @property
    def name(self) -> str: ...

    def start(self, places: layout.Layout) -> None:
        """Start what does not run; leave alone what does."""

    def is_ready(self, places: layout.Layout) -> bool:
        """Whether it does its work; raises NotReady when waiting longer is of no use."""

    def stop(self, places: layout.Layout) -> list[str]:
        """Remove every trace, also of a crashed one; return what was removed, in words."""


def _nothing(places: layout.Layout) -> None:
    """Most daemons need no preparation."""


@dataclasses.dataclass(frozen=True)
class Daemon:
    """A component that is one process of this machine.

    `command` builds its command line, `answers` asks whether it is ready, `prepare` writes what it reads at its start.
    """

    name: str
    command: Callable[[layout.Layout], list[str]]
    answers: Callable[[layout.Layout], bool]
    prepare: Callable[[layout.Layout], None] = _nothing
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def start(self, places: layout.Layout) -> None:
        if processes.running(places.pid_file(self.name)) is not None:
            return
        places.configuration.mkdir(parents=True, exist_ok=True)
        self.prepare(places)
        processes.start(
            self.command(places),
            pid_file=places.pid_file(self.name),
            log=places.log(self.name),
            environment=self.environment,
        )

    def is_ready(self, places: layout.Layout) -> bool:
        if processes.running(places.pid_file(self.name)) is None:
            raise failure.NotReady(f"{self.name} has ended. Its last words:\n{tail(places, self.name)}")
        return self.answers(places)

    def stop(self, places: layout.Layout) -> list[str]:
        pid = processes.stop(places.pid_file(self.name))
        return [] if pid is None else [f"process {pid} ({self.name})"]


def tail(places: layout.Layout, name: str, lines: int = 12) -> str:
    """The last lines of a component's log."""
    log = places.log(name)
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(it has no log)"


def wait_ready(component: Component, places: layout.Layout, timeout: float) -> None:
    """Wait until a component is ready; raises NotReady with its last words."""
    if not shell.wait_until(lambda: component.is_ready(places), timeout):
        raise failure.NotReady(
            f"{component.name} is not ready after {timeout:.0f} s. Its last words:\n{tail(places, component.name)}"
        )
