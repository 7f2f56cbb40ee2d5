"""The table of ratios as markdown."""

import dataclasses
import os
import pathlib
import platform
import statistics
from collections.abc import Iterable, Sequence

from bench.registry import clients, operations

_HEADER = """# Registry: Podium against MLflow's SQL store

Written by `python -m bench.registry{arguments}`, which bench/README.md explains.

Machine: {machine}; its load average at the end was {load:.0f} (if it is far above the number of
cores, other work took its share, and p99 says little). Both stores, both servers and all clients share it, and the two
sides take turns block by block.
Durability is the same on both sides: **neither syncs to disk** (PostgreSQL with `fsync=off`, etcd with
`--unsafe-no-fsync`, as the local cluster runs it); everything else of PostgreSQL is as it comes.
{processes}. The largest process, with MLflow, both stores and the watch cache, had {memory} MiB.

Each cell: p50 / p99 in milliseconds, PostgreSQL → Podium, and the **ratio of p50 / of p99**. Goals: reads and searches
at most 0.3, writes at most 1; a ratio above its goal is marked with ✗.
"""


@dataclasses.dataclass(frozen=True)
class Measured:
    """Seconds by operation, number of clients and side; resident memory of the largest process by number of clients."""

    seconds: dict[tuple[str, int, str], list[float]]
    memory_mib: dict[int, float]


def written(
    measured: Measured,
    spent: Iterable[tuple[str, float]],
    measured_operations: Sequence[operations.Operation],
    arguments: str,
) -> str:
    """The whole report."""
    counts = sorted(measured.memory_mib)
    layouts = [(count, *clients.LAYOUTS[count]) for count in counts]
    lines = [
        _HEADER.format(
            arguments=f" {arguments}" if arguments else "",
            machine=_machine(),
            load=os.getloadavg()[1],
            processes="; ".join(f"{c} clients are {p} processes of {t} threads" for c, p, t in layouts),
            memory=round(max(measured.memory_mib.values())),
        ),
        "| operation |" + "".join(f" {count} clients |" for count in counts),
        "|---|" + "---|" * len(counts),
    ]
    for operation in measured_operations:
        cells = [_cell(measured, operation, count) for count in counts]
        lines.append(f"| {operation.name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "What a call is spent on (one client, medians; with a watch a read is one GET and a change one PUT):",
        "",
        "| piece | ms |",
        "|---|---|",
    ]
    lines += [f"| {what} | {milliseconds:.3f} |" for what, milliseconds in spent]
    return "\n".join(lines) + "\n"


def _cell(measured: Measured, operation: operations.Operation, count: int) -> str:
    sql, podium = (_percentiles(measured.seconds[operation.name, count, side]) for side in clients.SIDES)
    ratios = [ours / theirs for ours, theirs in zip(podium, sql, strict=True)]
    marks = [f"{ratio:.2f}{'' if ratio <= operation.goal else ' ✗'}" for ratio in ratios]
    times = [" / ".join(f"{seconds * 1000:.1f}" for seconds in side) for side in (sql, podium)]
    return f"{times[0]} → {times[1]}, **{marks[0]} / {marks[1]}**"


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds), statistics.quantiles(seconds, n=100, method="inclusive")[98]


def _machine() -> str:
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]} {platform.machine()}"
