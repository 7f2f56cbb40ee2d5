"""One worker: what it does before it listens, and how it ends."""

import asyncio
import os
import pathlib
import signal
import socket
from typing import Any

import uvicorn

from podium.serving import application, settings, smoke, worker


async def refuse(_scope: application.Scope, _receive: application.Receive, send: application.Send) -> None:
    await send({"type": "http.response.start", "status": 400, "headers": []})
    await send({"type": "http.response.body", "body": b"no column 'x'"})


def server(drain_seconds: float, parent: int | None = None) -> tuple[worker.DrainingServer, application.State]:
    state = application.State()
    config = uvicorn.Config(refuse, log_config=None)
    return worker.DrainingServer(config, state, drain_seconds, parent or os.getppid()), state


def tick(draining: worker.DrainingServer) -> bool:
    return asyncio.run(draining.on_tick(1))


def test_a_worker_goes_on_until_it_is_told_to_end() -> None:
    made, state = server(60)
    assert (tick(made), state.draining) == (False, False)


def test_a_stop_signal_begins_the_drain_and_another_one_does_not_begin_it_anew() -> None:
    made, state = server(60)
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


def run(tmp_path: pathlib.Path, scoring: Any) -> tuple[int, str]:
    (tmp_path / smoke.EXAMPLE).write_text("{}")
    log = tmp_path / "termination-log"
    chosen = settings.from_environment({"PODIUM_MODEL_DIR": str(tmp_path), "PODIUM_TERMINATION_LOG": str(log)})
    with socket.socket() as listener:
        code = worker.run(scoring, scoring, application.State(), chosen, [listener], os.getpid())
    return code, log.read_text()


def test_a_model_that_does_not_answer_its_own_example_never_listens_and_says_why(tmp_path: pathlib.Path) -> None:
    code, words = run(tmp_path, refuse)
    assert code == worker.GAVE_LAST_WORDS
    assert words == "the model answers its own input example with 400: no column 'x'"


def test_an_application_that_breaks_in_the_smoke_test_is_told_with_its_error(tmp_path: pathlib.Path) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("x")

    code, words = run(tmp_path, broken)
    assert code == worker.GAVE_LAST_WORDS
    assert words.startswith("smoke test: KeyError: 'x'")
