"""The model, loaded, and the applications around it."""

import contextlib
import dataclasses
import logging
import math
import os
import platform
from collections.abc import Iterator

from podium.serving import application, dependencies, last_words, load, logs, metrics, predictions, settings, start

_log = logging.getLogger("podium.serving")


@dataclasses.dataclass(frozen=True)
class Model:
    """A loaded model."""

    scoring: load.Admission
    """MLflow's application, which asks it."""
    tested: load.Admission
    """The same for the smoke test, which has a time limit of its own."""
    served: application.Application
    """Podium's application around that."""
    state: application.State
    recorder: metrics.Recorder


def load_model(chosen: settings.Settings, choice: start.Choice) -> Model:
    """The model and the applications around it. Raises CannotServe, and on trial CannotFork."""
    fields, opened = {"model": chosen.model_name, "version": chosen.model_version}, start.list_open()
    try:
        import mlflow.version
        from mlflow.pyfunc import scoring_server

        logs.configure(**fields)
        mismatches = dependencies.model_mismatches(chosen.model_dir)
        for mismatch in mismatches:
            _log.warning("dependency mismatch: %s", mismatch)
        loaded = scoring_server.load_model_with_mlflow_config(str(chosen.model_dir))
        predictions.watch(loaded)
        scoring = load.Admission(scoring_server.init(loaded))
        with _extend_timeout(chosen):
            tested = load.Admission(scoring_server.init(loaded))
    except (Exception, SystemExit) as error:
        _log.exception("the model does not load")
        raise last_words.CannotServe(last_words.describe("the model does not load", error)) from error
    if choice.is_trial:
        start.check_opened(start.list_open() - opened)
    identity = application.Identity(
        model=chosen.model_name,
        version=chosen.model_version,
        mlflow=mlflow.version.VERSION,
        python=platform.python_version(),
        dependency_mismatches=mismatches,
        worker_start=choice.start,
        worker_start_reason=choice.why,
    )
    state, recorder = application.State(), metrics.Recorder(chosen.model_name, chosen.model_version)
    served = application.Application(scoring, identity, recorder, state, chosen)
    return Model(scoring, tested, served, state, recorder)


@contextlib.contextmanager
def _extend_timeout(chosen: settings.Settings) -> Iterator[None]:
    """MLflow's request timeout is no shorter than the smoke test meanwhile, which the parent ends."""
    before = os.environ.get(settings.ENV_REQUEST_SECONDS)
    seconds = max(chosen.request_seconds, math.ceil(chosen.smoke_test_seconds) + 1)
    os.environ[settings.ENV_REQUEST_SECONDS] = str(seconds)
    try:
        yield
    finally:
        os.environ.pop(settings.ENV_REQUEST_SECONDS)
        if before is not None:
            os.environ[settings.ENV_REQUEST_SECONDS] = before
