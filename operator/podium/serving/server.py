"""One server from end to end: loads the model once, then forks the workers that answer."""

import gc
import logging
import os
import platform
import socket

from podium.serving import application, dependencies, last_words, logs, metrics, predictions, settings, supervisor

_log = logging.getLogger("podium.serving")


def run(chosen: settings.Settings) -> int:
    """Serves until a stop signal; returns the exit code. Raises CannotServe."""
    with metrics.directory(), _bind_port(chosen.port) as clients, _bind_port(chosen.metrics_port) as operations:
        listeners = [clients, operations]
        scoring, served, state = _load_model(chosen)
        from podium.serving import worker

        parent = os.getpid()
        gc.collect()
        gc.freeze()  # what is loaded is never looked at again, so that its pages stay shared with the workers
        return supervisor.Supervisor(
            lambda: worker.run(scoring, served, state, chosen, listeners, parent),
            chosen.workers,
            lambda: _close_all(listeners),
        ).run()


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


def _load_model(chosen: settings.Settings) -> tuple[application.Asgi, application.Application, application.State]:
    fields = {"model": chosen.model_name, "version": chosen.model_version}
    try:
        import mlflow.version
        from mlflow.pyfunc import scoring_server

        logs.configure(**fields)
        mismatches = dependencies.model_mismatches(chosen.model_dir)
        for mismatch in mismatches:
            _log.warning("dependency mismatch: %s", mismatch)
        model = scoring_server.load_model_with_mlflow_config(str(chosen.model_dir))
        predictions.watch(model)
        scoring: application.Asgi = scoring_server.init(model)
    except Exception as error:
        _log.exception("the model does not load")
        raise last_words.CannotServe(last_words.describe("the model does not load", error)) from error
    identity = application.Identity(
        model=chosen.model_name,
        version=chosen.model_version,
        mlflow=mlflow.version.VERSION,
        python=platform.python_version(),
        dependency_mismatches=mismatches,
    )
    state, recorder = application.State(), metrics.Recorder(chosen.model_name, chosen.model_version)
    return scoring, application.Application(scoring, identity, recorder, state, chosen), state
