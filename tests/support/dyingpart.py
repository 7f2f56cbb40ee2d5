"""The operator's process, one part of which dies as soon as a line comes on standard input.

python -m tests.support.dyingpart PART, where PART is the name of a task of podium.main.
"""

import asyncio
import collections.abc
import contextlib
import sys
import threading

from podium import main


class _Policy(asyncio.DefaultEventLoopPolicy):
    """Keeps the loop that the operator makes."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        self.made = super().new_event_loop()
        return self.made


def _kill(part: str) -> None:
    """Have an error raised where the part waits, as if it were a fault of its own."""
    victim = next(task for task in asyncio.all_tasks() if task.get_name() == part)
    work = victim.get_coro()
    assert isinstance(work, collections.abc.Coroutine)
    with contextlib.suppress(RuntimeError):
        work.throw(RuntimeError("the part died"))
    victim.cancel()  # it wakes up, and finds that its work has ended by an error


def _run(part: str) -> int:
    policy = _Policy()
    asyncio.set_event_loop_policy(policy)

    def kill_when_told() -> None:
        if sys.stdin.readline():
            policy.made.call_soon_threadsafe(_kill, part)

    threading.Thread(target=kill_when_told, daemon=True).start()
    return main.main()


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1]))
