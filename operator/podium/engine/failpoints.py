"""Instants at which the operator can be made to die, so that tests can show that its death at any of them is harmless.

PODIUM_FAILPOINT names one, such as `after:WriteStatus:Overlapping` (see Executor.carry_out). The process kills itself
there once: the file PODIUM_FAILPOINT_MARK remembers it, so that its successor lives. Never set in production.
"""

import collections.abc
import logging
import os
import pathlib
import signal

ENV_FAILPOINT = "PODIUM_FAILPOINT"
ENV_MARK = "PODIUM_FAILPOINT_MARK"
_log = logging.getLogger("podium.failpoints")


def from_environment(env: collections.abc.Mapping[str, str]) -> collections.abc.Callable[[str], None]:
    """What is told every step by name; does nothing unless the environment names one."""
    chosen, mark = env.get(ENV_FAILPOINT), pathlib.Path(env.get(ENV_MARK, "/tmp/podium-failpoint"))  # noqa: S108 -- for tests
    if not chosen:
        return lambda _: None

    def reached(step: str) -> None:
        if step == chosen and not mark.exists():
            mark.write_text(step)
            _log.critical("failpoint %s: killed", step)
            os.kill(os.getpid(), signal.SIGKILL)

    return reached
