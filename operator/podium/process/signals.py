"""Stop signals, and how a process ends: told to (0), or because a part of it died (1)."""

import asyncio
import collections.abc
import logging
import signal
from typing import Any

from podium import errors


class Stopped(Exception):
    """The process was told to end."""


def take_signals(told: asyncio.Event) -> None:
    """Take SIGTERM and SIGINT from whoever has them: the first that comes from now on sets the event."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)


async def run_unless_stopped(work: collections.abc.Coroutine[Any, Any, None], told: asyncio.Event) -> None:
    """Do what may wait for ever, such as for the CRDs. Raises Stopped when a stop signal comes first.

    A signal that comes later sets `told` too, until somebody else takes the signals.
    """
    take_signals(told)
    working, telling = asyncio.create_task(work), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Stopped
        working.result()
    finally:
        working.cancel()
        telling.cancel()


def log_end(what: str, group: BaseExceptionGroup[BaseException], log: logging.Logger) -> int:
    """Say why a process ends, `what` such as "the operator". The exit code: 0 if it was told to, and that is all."""
    _, rest = group.split(Stopped)
    if rest is None:
        log.info("stopped as told")
        return 0
    expected, faults = rest.split(errors.PodiumError)
    for error in _flatten_group(expected):
        log.error("%s ends: %s", what, error)
    if faults is not None:
        log.error("%s ends after an internal error", what, exc_info=faults)
    return 1


def _flatten_group(error: BaseException | None) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [each for inner in error.exceptions for each in _flatten_group(inner)]
    return [error] if error else []
