"""One worker: what it does before it listens, and how it ends."""

import asyncio
import json
import os
import signal
import socket
from typing import Any

import pytest
import uvicorn

from podium import names
from podium.serving import application, asgi, load, model, reports, settings, smoke, start, worker

FORK = start.Choice(names.WorkerStart.FORK, "because")
TRIAL = start.Choice(names.WorkerStart.FORK, "because", is_trial=True)
OWN = smoke.Test(b"{}", is_own=True)


class NoRecorder:
    """Takes what a worker shows."""

    def show_load(self, in_flight: int, waiting: int, oldest_seconds: float) -> None:
        self.shown = in_flight, waiting

    def show_worker(self, start: str) -> None:
        self.start = start


async def refuse(_scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 400, "headers": []})
    await send({"type": "http.response.body", "body": b"no column 'x'"})


def loaded(scoring: Any = refuse) -> model.Model:
    admission = load.Admission(scoring)
    return model.Model(admission, admission, scoring, application.State(), NoRecorder())  # type: ignore[arg-type]  # all that is asked of one


def server(drain_seconds: float, duty: load.Load | None = None) -> tuple[worker.DrainingServer, application.State]:
    made = loaded()
    chosen = settings.from_environment({"PODIUM_DRAIN_SECONDS": str(drain_seconds)})
    config = uvicorn.Config(refuse, log_config=None)
    reporter = reports.Reporter(os.open(os.devnull, os.O_WRONLY))
    return worker.DrainingServer(config, made, duty or load.Load(), chosen, reporter), made.state


def tick(draining: worker.DrainingServer) -> bool:
    return asyncio.run(draining.on_tick(1))


def test_a_worker_goes_on_until_it_is_told_to_end() -> None:
    made, state = server(50)
    assert (tick(made), state.draining) == (False, False)


def test_a_stop_signal_begins_the_drain_and_another_one_does_not_begin_it_anew() -> None:
    made, state = server(50)
    made.handle_exit(signal.SIGTERM, None)
    assert state.draining
    ends_at = made._ends_at
    made.handle_exit(signal.SIGTERM, None)
    assert made._ends_at == ends_at
    assert tick(made) is False


def test_a_worker_ends_when_its_drain_is_over() -> None:
    made, _ = server(0)
    made.handle_exit(signal.SIGTERM, None)
    assert tick(made) is True


class Hung(load.Load):
    """A load whose only request is older than it may be."""

    def count(self) -> load.Figures:
        return load.Figures(1, 0, 70, 70)


def test_a_worker_whose_model_hangs_ends_and_tells_clients_to_go_elsewhere() -> None:
    made, state = server(50, Hung())
    assert (tick(made), made.is_hung, state.draining) == (True, True, True)


def run(scoring: Any, test: smoke.Test = OWN, choice: start.Choice = FORK) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and what it told; a worker that would serve finds its listener closed."""
    reader, writer = os.pipe()
    listener = socket.socket()
    listener.close()
    try:
        code = worker.run(loaded(scoring), test, choice, settings.from_environment({}), [listener], writer)
    except OSError:
        code = 0
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        return code, [json.loads(line) for line in told]


def answering(status: int, body: bytes = b"no column 'x'") -> Any:
    async def answer(_scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return answer


def test_a_model_that_does_not_answer_its_own_example_never_listens_and_says_why() -> None:
    code, told = run(refuse)
    assert (code, [report["kind"] for report in told]) == (worker.FAILED, [reports.TESTING, reports.FAILED])
    assert told[-1]["words"] == "the model answers its own input example with 400: no column 'x'"
    assert told[-1]["blames_fork"] is False


def test_an_application_that_breaks_in_the_smoke_test_is_told_with_its_error() -> None:
    async def broken(*_: object) -> None:
        raise KeyError("x")

    code, told = run(broken)
    assert code == worker.FAILED
    assert told[-1]["words"].startswith("smoke test: KeyError: 'x'")


MADE_UP = smoke.Test(b"{}")


@pytest.mark.parametrize(
    ("scoring", "test", "choice", "fails"),
    [
        pytest.param(answering(200), MADE_UP, TRIAL, False, id="an answer shows that forked workers answer"),
        pytest.param(answering(400), MADE_UP, TRIAL, True, id="a refusal shows nothing"),
        pytest.param(answering(400), MADE_UP, FORK, False, id="where nothing is to be shown it passes"),
        pytest.param(answering(400), smoke.Test(None), FORK, False, id="nothing is asked"),
    ],
)
def test_a_trial_needs_an_answer(scoring: Any, test: smoke.Test, choice: start.Choice, fails: bool) -> None:
    code, told = run(scoring, test, choice)
    assert (code == worker.FAILED) is fails
    if fails:
        assert told[-1]["blames_fork"] is True
