"""`python -m podium.serving.spawned WHY PIPE SOCKET...`: one worker that loads the model itself.

Started by the server, which hands file descriptors on: the pipe to itself, and the sockets that all workers share.
"""

import os
import socket
import sys

from podium import names
from podium.serving import last_words, logs, reports, settings, smoke, start, supervisor


def main(why: str, writer: int, sockets: list[int]) -> int:
    """The exit code."""
    chosen = settings.from_environment(os.environ)
    logs.configure(model=chosen.model_name, version=chosen.model_version)
    for inherited in (writer, *sockets):
        os.set_inheritable(inherited, False)
    from podium.serving import model, worker  # before the model's own code, which may have modules of the same names

    choice = start.Choice(names.WorkerStart.SPAWN, why)
    test = smoke.read_test(chosen.model_dir, chosen.smoke_test)
    try:
        loaded = model.load_model(chosen, choice)
    except last_words.CannotServe as error:
        reports.Reporter(writer).tell(reports.FAILED, words=str(error), blames_fork=False)
        return worker.FAILED
    return worker.run(loaded, test, choice, chosen, [socket.socket(fileno=each) for each in sockets], writer)


if __name__ == "__main__":
    pipe, *shared = map(int, sys.argv[2:])
    os._exit(supervisor.run_work(lambda writer: main(sys.argv[1], writer, shared), pipe))
