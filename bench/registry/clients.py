"""Clients: processes with threads, each process with both stores, which measure block by block, all at the same time.

MLflow takes about 250 MB in each process, so that fifty clients are five processes of ten threads, as a tracking
server has workers with threads.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import random
import threading
import time
from collections.abc import Iterator
from multiprocessing import connection
from typing import Any

SIDES = ("sql", "podium")
LAYOUTS = {1: (1, 1), 10: (2, 5), 50: (5, 10)}
"""Processes, and threads of each, by the number of clients."""


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the two stores are."""

    sql: str
    podium: str
    model_count: int
    versions_each: int


@dataclasses.dataclass(frozen=True)
class Block:
    """Every client calls one operation of one store again and again, for so long or so often."""

    side: str
    operation: int
    seconds: float
    most_calls: int


def _work(target: Target, threads: int, seed: int, pipe: connection.Connection) -> None:
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = target.sql  # a worker of a tracking server: with the watch cache
    from bench.registry import operations
    from mlflow.store.model_registry import sqlalchemy_store

    from podium.mlflow_plugin import store

    stores: dict[str, Any] = {
        "sql": sqlalchemy_store.SqlAlchemyStore(target.sql),
        "podium": store.ConfigMapModelRegistryStore(target.podium, target.sql),
    }
    known = operations.all_of(target.model_count, target.versions_each)
    for each in stores.values():
        each.search_model_versions(max_results=1)  # the first list of a watch is not what is measured
    chances = [random.Random(seed * 1000 + number) for number in range(threads)]
    pipe.send(None)
    while block := pipe.recv():
        if block == "memory":
            pipe.send(_resident_mib())
            continue
        found: list[list[float]] = [[] for _ in chances]
        arguments = [
            (stores[block.side], known[block.operation].call, block, *pair) for pair in zip(chances, found, strict=True)
        ]
        running = [threading.Thread(target=_repeat, args=each) for each in arguments]
        for each in running:
            each.start()
        for each in running:
            each.join()
        pipe.send([seconds for each in found for seconds in each])


def _repeat(store: Any, call: Any, block: Block, chance: random.Random, found: list[float]) -> None:
    call(store, chance)  # connections are not what is measured
    end = time.perf_counter() + block.seconds
    while len(found) < block.most_calls and (begun := time.perf_counter()) < end:
        call(store, chance)
        found.append(time.perf_counter() - begun)


def _resident_mib() -> float:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Clients:
    """Running processes."""

    def __init__(self, pipes: list[connection.Connection]) -> None:
        self._pipes = pipes

    def measure(self, block: Block) -> list[float]:
        """The seconds that each call took."""
        return [seconds for answer in self._ask(block) for seconds in answer]

    def memory_mib(self) -> float:
        """The resident memory of the largest process."""
        return max(self._ask("memory"))

    def _ask(self, what: object) -> list[Any]:
        for pipe in self._pipes:
            pipe.send(what)
        return [pipe.recv() for pipe in self._pipes]


@contextlib.contextmanager
def running(target: Target, count: int) -> Iterator[Clients]:
    """So many clients, ready."""
    processes, threads = LAYOUTS[count]
    spawning = multiprocessing.get_context("spawn")
    started, pipes = [], []
    for number in range(processes):
        ours, theirs = spawning.Pipe()
        process = spawning.Process(target=_work, args=(target, threads, number, theirs), daemon=True)
        process.start()
        theirs.close()
        started.append(process)
        pipes.append(ours)
    try:
        for pipe in pipes:
            pipe.recv()
        yield Clients(pipes)
    finally:
        for process in started:
            process.kill()
            process.join()
