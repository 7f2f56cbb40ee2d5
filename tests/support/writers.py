"""Many processes that write to one registry at once, forks of a light one in which MLflow is not imported.

    python -m tests.support.writers KUBECONFIG CONTEXT NAMESPACE PROCESSES ROUNDS

Writes a JSON list of what each process did that succeeded, and of every error that it did not expect.
"""

import json
import multiprocessing
import multiprocessing.synchronize
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from kubernetes import config
from kubernetes.client import configuration as configurations

from podium import errors
from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.model import entities

SHARED, RENAMED = "shared", ("wanderer", "wanderer again")
"""A model that all write to, and the two names of one that is renamed back and forth."""


_all_there: multiprocessing.synchronize.Barrier


class Writer:
    """One process."""

    def __init__(self, registry: store.Registry, number: int) -> None:
        self.registry, self.number = registry, number
        self.random = random.Random(number)
        self.done: dict[str, list[Any]] = {"created": [], "moved": [], "tagged": [], "deleted": [], "renamed": []}
        self.refused: dict[str, int] = {}
        self.unexpected: list[str] = []

    def attempt(self, what: str, call: Callable[[], object]) -> None:
        """Do it; NotFound, AlreadyExists and InUse may come of what others do."""
        try:
            self.done[what].append(call())
        except (errors.NotFound, errors.AlreadyExists, errors.InUse, errors.Conflict) as error:
            kind = f"{what}: {type(error).__name__}"
            self.refused[kind] = self.refused.get(kind, 0) + 1
        except Exception as error:  # noqa: BLE001 -- the test tells
            self.unexpected.append(f"{what}: {error!r}")

    def round(self, turn: int) -> None:
        """One of each operation."""
        mine = f"{self.number}-{turn}"
        self.attempt("created", lambda: self.create(mine))
        self.attempt("moved", lambda: self.move(mine))
        self.attempt("tagged", lambda: self.tag(mine))
        if turn % 2:
            self.attempt("deleted", self.delete)
        if self.number % 10 == 0:
            self.attempt("renamed", self.rename)

    def create(self, mine: str) -> int:
        return self.registry.versions.create(SHARED, source=f"s3://b/{mine}", operation_id=mine).number

    def move(self, mine: str) -> str:
        target = self.random.choice((1, 2, 3))
        self.registry.aliases.set(SHARED, "champion", target, entities.Actor(mine, "test", True), why=mine)
        return mine

    def tag(self, mine: str) -> str:
        self.registry.models.set_tag(SHARED, mine, mine)
        self.registry.versions.set_tag(SHARED, 1, mine, mine)
        return mine

    def delete(self) -> int:
        number: int = self.done["created"].pop(0)
        self.registry.versions.delete(SHARED, number)
        return number

    def rename(self) -> str:
        old, new = self.random.sample(RENAMED, 2)
        self.registry.models.rename(old, new)
        return new


def work(kubeconfig: str, context: str, namespace: str, number: int, rounds: int) -> dict[str, Any]:
    """What one process does; it begins when all are there."""
    chosen = configurations.Configuration()
    config.load_kube_config(kubeconfig, context, client_configuration=chosen)
    records = configmaps.ConfigMapBackend(session.Session(chosen), namespace, deadline_seconds=30)
    writer = Writer(store.Registry(records, deadline_seconds=120), number)
    _all_there.wait()
    begun = time.monotonic()
    for turn in range(rounds):
        writer.round(turn)
    took = time.monotonic() - begun
    return {"done": writer.done, "refused": writer.refused, "unexpected": writer.unexpected, "seconds": took}


def main() -> None:
    """See the module."""
    global _all_there  # noqa: PLW0603 -- what forks inherit
    kubeconfig, context, namespace, processes, rounds = sys.argv[1:]
    forking = multiprocessing.get_context("fork")
    _all_there = forking.Barrier(int(processes))
    tasks = [(kubeconfig, context, namespace, number, int(rounds)) for number in range(int(processes))]
    with forking.Pool(len(tasks)) as pool:
        json.dump(pool.starmap(work, tasks, chunksize=1), sys.stdout)


if __name__ == "__main__":
    main()
