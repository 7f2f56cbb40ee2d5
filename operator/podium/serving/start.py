"""Decides how the workers come to the model. Pure, but for the note that one run of the server leaves to the next.

A fork shares the memory of what its parent loaded, and of all its threads, locks and devices it has none. So the server
forks only what was seen to answer in a forked worker:

    Fork    in the spec: it is done as it is said
    Spawn   in the spec; or the container asks for a device, which no fork can use; or there is no smoke test that
            would show anything; or an earlier run of this server in this pod found that forked workers do not answer
    else    a trial: the model has opened nothing that forks would share, and the first worker, a fork, must answer the
            smoke test with 200
"""

import contextlib
import dataclasses
import pathlib
import tempfile

from podium import names
from podium.serving import settings, smoke

_NOTE = "podium-worker-start"
_DESCRIPTORS = pathlib.Path("/proc/self/fd")
_SHARED = {"socket:": "a connection", "anon_inode:[eventpoll]": "an event loop"}
"""What descriptors lead to that no two processes can use at a time, as Linux shows it; files as well, whose position
forks share."""
_HARMLESS = ("/dev/", "/proc/", "/memfd:")


class CannotFork(Exception):
    """No worker may be forked of this process; the text says why."""


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


def list_open() -> set[tuple[str, str]]:
    """The descriptors of this process, each with what it leads to; none where there is no Linux's /proc."""
    found = set()
    with contextlib.suppress(OSError):
        for each in _DESCRIPTORS.iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found.add((each.name, str(each.readlink())))
    return found


def check_opened(opened: set[tuple[str, str]]) -> None:
    """Raises CannotFork if the model has opened what forks would share: each would take the answers of the others."""
    if shared := sorted(filter(None, (_describe_shared(target) for _, target in opened))):
        raise CannotFork(f"the model keeps {shared[0]} open since it was loaded, which forked workers would share")


def _describe_shared(target: str) -> str:
    """What a descriptor leads to, in words; "" for what forks may share."""
    if target.startswith("/"):
        return "" if target.startswith(_HARMLESS) else target
    return next((words for beginning, words in _SHARED.items() if target.startswith(beginning)), "")


def read_note() -> str:
    """What an earlier run of this server found; containers of a pod keep their /tmp when they are started again."""
    with contextlib.suppress(OSError):
        return _locate_note().read_text("utf-8", "replace")
    return ""


def leave_note(why: str) -> None:
    """Leaves a note to the next run. Raises OSError where nothing can be written.

    The words may be a model's; they become an argument of a process, which holds no zero.
    """
    _locate_note().write_bytes(why.replace("\0", "").encode(errors="replace"))


def _locate_note() -> pathlib.Path:
    return pathlib.Path(tempfile.gettempdir()) / _NOTE
