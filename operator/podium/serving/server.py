"""One server from end to end: port, smoke test, how the workers start, the model, the workers."""

import functools
import gc
import logging
import os
import socket
import sys

from podium import names
from podium.serving import fleet, last_words, metrics, settings, smoke, start, supervisor

_log = logging.getLogger("podium.serving")


def run(chosen: settings.Settings) -> int:
    """Serves until a stop signal; returns the exit code. Raises CannotServe."""
    with metrics.directory(), _bind_port(chosen.port) as clients, _bind_port(chosen.metrics_port) as operations:
        listeners = [clients, operations]
        test = smoke.read_test(chosen.model_dir, chosen.smoke_test)
        choice = start.choose_start(chosen, test, start.read_note())
        _log.info("workers start by %s: %s", choice.start, "to be shown" if choice.is_trial else choice.why)
        try:
            launch = _prepare(chosen, test, choice, listeners)
        except start.CannotFork as error:
            return _start_again(chosen, str(error))
        plan = fleet.Plan(
            count=chosen.workers,
            start=choice.start,
            is_trial=choice.is_trial,
            request=test.name,
            test_seconds=chosen.smoke_test_seconds,
            silence_seconds=chosen.request_seconds + names.DRAIN_SECONDS,
        )
        result = supervisor.Supervisor(plan, launch, lambda: _close_all(listeners), metrics.forget_worker).run()
    return result if isinstance(result, int) else _start_again(chosen, result.words)


def _bind_port(port: int) -> socket.socket:
    """Takes the port before anything slow; nobody is let in until a worker that passed its smoke test listens."""
    bound = socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    bound.bind(("", port))
    return bound


def _close_all(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _prepare(
    chosen: settings.Settings, test: smoke.Test, choice: start.Choice, listeners: list[socket.socket]
) -> supervisor.Start:
    """What starts a worker: where it forks, the model is loaded here. Raises CannotFork."""
    if choice.start is names.WorkerStart.SPAWN:
        return functools.partial(_spawn_worker, listeners, choice)
    from podium.serving import model, worker  # before the model's own code, which may have modules of the same names

    loaded = model.load_model(chosen, choice)
    gc.collect()
    gc.freeze()  # what is loaded is never looked at again, so that its pages stay shared with the workers
    return functools.partial(
        supervisor.fork_worker, functools.partial(worker.run, loaded, test, choice, chosen, listeners)
    )


def _spawn_worker(listeners: list[socket.socket], choice: start.Choice, writer: int) -> int:
    """Starts a process that loads the model itself; this one never holds it."""
    descriptors = [writer, *(listener.fileno() for listener in listeners)]
    for inherited in descriptors:
        os.set_inheritable(inherited, True)
    command = [sys.executable, "-m", "podium.serving.spawned", choice.why, *map(str, descriptors)]
    return os.posix_spawn(sys.executable, command, os.environ)


def _start_again(chosen: settings.Settings, words: str) -> int:
    """Ends so that the kubelet starts the container again, with a note that it is not to fork.

    That frees all that the model has taken here, and is what the operator and `kubectl describe` can see.
    """
    try:
        start.leave_note(words)
    except OSError as error:
        raise last_words.CannotServe(f"{words}. Set runtime.workerStart: Spawn ({error})") from error
    told = f"{words}. It is started again, and each worker loads it. To save that, set runtime.workerStart: Spawn"
    _log.warning("%s", told)
    last_words.leave(chosen.termination_log, last_words.fit(told, ""))
    return names.START_AGAIN_CODE
