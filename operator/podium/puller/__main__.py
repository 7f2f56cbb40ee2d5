"""`python -m podium.puller`: exit code 0 and a digest, or 1 and a reason, each as the termination message."""

import contextlib
import os
import signal
import sys


def main() -> int:
    """Pulls what the environment asks for; leaves the report where Kubernetes looks for it."""
    # The kernel gives the first process of a container no signal that it does not handle: SIGTERM would do nothing.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    from podium.puller import limits, pull, report, settings, stores

    try:
        chosen = settings.from_environment(os.environ)
        limits.start_watchdog(chosen.timeout, lambda: os._exit(_fail(limits.build_timeout(chosen.timeout))))
        message = report.format_success(pull.run(chosen, stores.STORES))
    except Exception as error:  # noqa: BLE001 -- whatever happened, the user is to read it in the status
        return _fail(error)
    _leave(message)
    return 0


def _fail(error: Exception) -> int:
    """Reports a failed pull; returns the exit code."""
    from podium.puller import report

    message = report.format_failure(error)
    _leave(message)
    report.log("failed", "error", report=message)
    return 1


def _leave(message: str) -> None:
    from podium.puller import settings

    with contextlib.suppress(OSError):  # outside of a pod there may be no such file
        settings.termination_log(os.environ).write_text(message)


if __name__ == "__main__":
    sys.exit(main())
