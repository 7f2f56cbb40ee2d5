"""`python -m podium.serving`: serves MODEL_DIR until SIGTERM; what prevents that becomes the termination message."""

import os
import signal
import sys
import time
import types

from podium.serving import last_words, logs, settings

STARTED = time.monotonic()
_STOPPED = 128 + signal.SIGTERM


def main() -> int:
    """0 after a graceful end, START_AGAIN_CODE if the next run is to fork no worker, else a code with last words.

    The code is 143 where the server was stopped before the model had answered, and 1 otherwise.
    """
    # The kernel gives the first process of a container no signal that it does not handle: SIGTERM would do nothing.
    signal.signal(signal.SIGTERM, _stop_loading)
    os.environ.update(settings.missing_defaults(os.environ))
    code = 1
    try:
        chosen = settings.from_environment(os.environ)
        logs.configure(model=chosen.model_name, version=chosen.model_version)
        from podium.serving import server

        return server.run(chosen)
    except last_words.CannotServe as error:
        words = last_words.fit(str(error), "")
        code = _STOPPED if isinstance(error, last_words.Stopped) else 1
    except Exception as error:  # noqa: BLE001 -- whatever happened, the user is to read it in the status
        words = last_words.describe("the server does not start", error)
    last_words.leave(settings.termination_log(os.environ), words)
    sys.stderr.write(words + "\n")
    return code


def _stop_loading(number: int, _frame: types.FrameType | None) -> None:
    words = f"stopped after {time.monotonic() - STARTED:.0f} s, while the model was still loading"
    last_words.leave(settings.termination_log(os.environ), words)
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
