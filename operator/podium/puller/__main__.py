"""`python -m podium.puller`: exit code 0 and a digest, or 1 and a reason, each as the termination message."""

import contextlib
import os
import signal
import sys


def main() -> int:
    """Pulls what the environment asks for; leaves the report where Kubernetes looks for it."""
    # The kernel gives the first process of a container no signal that it does not handle: SIGTERM would do nothing.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    from podium.puller import pull, report, settings, stores

    failed: Exception | None = None
    try:
        message = report.format_success(pull.run(settings.from_environment(os.environ), stores.STORES))
    except Exception as error:  # noqa: BLE001 -- whatever happened, the user is to read it in the status
        message, failed = report.format_failure(error), error
    with contextlib.suppress(OSError):  # outside of a pod there may be no such file
        settings.termination_log(os.environ).write_text(message)
    if failed:
        report.log("failed", "error", report=message)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
