"""Decides how the workers come to the model. Pure, but for the note that one run of the server leaves to the next.

A fork shares the memory of what its parent loaded, and of all its threads, locks and devices it has none. So the server
forks only what was seen to answer in a forked worker:

    Fork    in the spec: it is done as it is said
    Spawn   in the spec; or the container asks for a device, which no fork can use; or there is no smoke test that
            would show anything; or an earlier run of this server in this pod found that forked workers do not answer
    else    a trial: the first worker is forked, and must answer the smoke test with 200
"""

import contextlib
import dataclasses
import pathlib
import tempfile

from podium import names
from podium.serving import settings, smoke

_NOTE = "podium-worker-start"


@dataclasses.dataclass(frozen=True)
class Choice:
    """How the workers start."""

    start: names.WorkerStart
    """Fork or Spawn."""
    why: str
    is_trial: bool = False
    """Whether the first forked worker has to show that the model answers in it."""


def choose_start(chosen: settings.Settings, test: smoke.Test, note: str) -> Choice:
    """The choice for these settings and this smoke test; `note` is what an earlier run found, or ""."""
    spawn = names.WorkerStart.SPAWN
    if chosen.worker_start is not names.WorkerStart.AUTO:
        return Choice(chosen.worker_start, f"runtime.workerStart is {chosen.worker_start}")
    if chosen.devices:
        return Choice(spawn, f"the server asks for {chosen.devices}, which forked workers cannot use")
    if test.body is None:
        return Choice(spawn, f"no smoke test shows whether the model answers in a forked worker: {test.why_none}")
    if note:
        return Choice(spawn, note)
    return Choice(names.WorkerStart.FORK, "the model answered the smoke test in a forked worker", is_trial=True)


def read_note() -> str:
    """What an earlier run of this server found; containers of a pod keep their /tmp when they are started again."""
    with contextlib.suppress(OSError):
        return _locate_note().read_text()
    return ""


def leave_note(why: str) -> None:
    """Leaves a note to the next run. Raises OSError where nothing can be written."""
    _locate_note().write_text(why)


def _locate_note() -> pathlib.Path:
    return pathlib.Path(tempfile.gettempdir()) / _NOTE
