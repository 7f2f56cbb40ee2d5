"""What a server that cannot serve leaves as its termination message: the operator shows it to the user."""

import contextlib
import pathlib
import signal
import traceback

from podium import names

_CUT = "\n[…]\n"


class CannotServe(Exception):
    """The model cannot be served; the text says why."""


class Stopped(CannotServe):
    """The server was told to end before it was known whether the model can be served."""


def describe(what: str, error: BaseException) -> str:
    """Last words for an exception: what failed, type and message, the first cause, advice, the end of the trace.

    Example: `the model does not load: ModuleNotFoundError: No module named 'xgboost'` and the lines that led to it.
    """
    first = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    head = [f"{what}: {_name_error(error)}"]
    if first is not error:
        head.append(f"first cause: {_name_error(first)}")
    if isinstance(first, ModuleNotFoundError) and first.name:
        head.append(f"the image lacks {first.name!r}: name an image that holds it as runtime.image")
    trace = "".join(traceback.format_exception(error))
    return fit("\n".join(head), trace)


def fit(head: str, tail: str, limit: int = names.TERMINATION_LOG_LIMIT) -> str:
    """Head and tail in at most `limit` bytes of UTF-8; the beginning of the head and the end of the tail stay."""
    kept = _first_bytes(head, limit)
    room = limit - len(kept.encode()) - len(_CUT.encode())
    if len(tail.encode(errors="replace")) + 1 <= limit - len(kept.encode()):
        return f"{kept}\n{tail}" if tail else kept
    return kept if room <= 0 else kept + _CUT + _last_bytes(tail, room)


def describe_exit(status: int) -> str:
    """How a process ended, from the status that waitpid gives: `exit code 3` or `signal 9 (SIGKILL), …`."""
    if status >= 0:
        return f"exit code {status}"
    name = signal.Signals(-status).name if -status in {s.value for s in signal.Signals} else "unknown"
    advice = (
        ", perhaps because it needed more memory than it may use: raise resources.limits.memory"
        if -status == signal.SIGKILL
        else ""
    )
    return f"signal {-status} ({name}){advice}"


def leave(path: pathlib.Path, words: str) -> None:
    """Writes the termination message; outside of a pod there may be nowhere to write it.

    What others left stays until the write, because a worker may be killed at any instant for the end of another.
    """
    with contextlib.suppress(OSError):
        path.touch()
        with path.open("r+b", buffering=0) as file:
            file.write(words.encode(errors="replace"))
            file.truncate()


def _name_error(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _first_bytes(text: str, limit: int) -> str:
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


def _last_bytes(text: str, limit: int) -> str:
    return text.encode(errors="replace")[-limit:].decode(errors="ignore")
