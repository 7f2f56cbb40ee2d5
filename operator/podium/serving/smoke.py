"""The smoke test: the request that a worker must answer before it says that it is healthy.

It is the model's own input example, which must be answered with 200, or one made up from the signature, which the
model may refuse, because nobody knows what makes sense to it. An answer of 200 shows more: that the model answers in
this worker, however the worker was started.
"""

import asyncio
import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from podium import names
from podium.serving import asgi, example, last_words

EXAMPLE = "serving_input_example.json"
"""What MLflow stores beside a model that was logged with an input example: the body of a request."""
_MLMODEL = "MLmodel"
_AGENT_LOADERS = (
    "mlflow.pyfunc.loaders.chat_model",
    "mlflow.pyfunc.loaders.chat_agent",
    "mlflow.pyfunc.loaders.responses_agent",
)
_PROVIDER_FLAVORS = frozenset({"openai", "langchain", "llama_index", "dspy", "promptflow", "crewai", "autogen"})
_FORK_FAULT = re.compile(rb"\bfork|cuda", re.IGNORECASE)
"""How libraries say that they do not work in a forked process: `Cannot re-initialize CUDA in forked subprocess`."""


@dataclasses.dataclass(frozen=True)
class Test:
    """What is asked."""

    body: bytes | None
    """None: nothing."""
    is_own: bool = False
    """It is the model's own example."""
    why_none: str = ""
    """Why nothing is asked."""

    @property
    def name(self) -> str:
        """What the request is to a reader."""
        return "its own input example" if self.is_own else "a request made from its signature"


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of it."""

    failure: str = ""
    """Why the model cannot be served, as last words; "" if it can."""
    answered: bool = False
    """It answered 200."""
    blames_fork: bool = False
    """The failure may be one of forked workers alone."""


def choose_test(model: Mapping[str, Any], own: bytes | None, mode: names.SmokeTest | None) -> Test:
    """The test of a model with this MLmodel and this example. Raises CannotServe if a required one is missing."""
    if mode is names.SmokeTest.REQUIRED and own is None:
        raise last_words.CannotServe(
            "smokeTest.mode is Required, and the model has no input example: log it with input_example=..., or set "
            "smokeTest.mode: IfPossible"
        )
    if mode is names.SmokeTest.OFF:
        return Test(None, why_none="smokeTest.mode is Off")
    if mode is None and _is_agent(model):
        return Test(None, why_none="it is an agent, which may call a provider: set smokeTest.mode to have it asked")
    if own is not None:
        return Test(own, is_own=True)
    if mode is None and _PROVIDER_FLAVORS.intersection(model.get("flavors") or {}):
        return Test(None, why_none="it has no input example, and may call a provider")
    made_up = example.build_request(model)
    return Test(made_up, why_none="" if made_up else "it has no input example, and no signature to make one from")


def _is_agent(model: Mapping[str, Any]) -> bool:
    """Whether MLflow writes an example for it that nobody asked for."""
    task = str((model.get("metadata") or {}).get("task", ""))
    function = (model.get("flavors") or {}).get("python_function") or {}
    return task.startswith("agent/") or function.get("loader_module") in _AGENT_LOADERS


def read_test(model_dir: pathlib.Path, mode: names.SmokeTest | None) -> Test:
    """The test of the model in this directory."""
    import yaml

    file, own = model_dir / _MLMODEL, model_dir / EXAMPLE
    try:
        model = yaml.safe_load(file.read_bytes()) if file.is_file() else {}
    except yaml.YAMLError:
        model = {}  # MLflow says what is wrong with it when it loads the model
    return choose_test(model if isinstance(model, dict) else {}, own.read_bytes() if own.is_file() else None, mode)


async def run(scoring: asgi.Asgi, test: Test) -> Result:
    """Asks the application, and waits as long as it takes."""
    if test.body is None:
        return Result()
    try:
        status, body = await post(scoring, test.body)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it goes to the user as last words
        return Result(last_words.describe("smoke test", error))
    if status == 200:
        return Result(answered=True)
    if status == 504:  # MLflow has given the client up, and the model has answered nothing
        return Result(f"the model did not answer {test.name} within the request timeout", blames_fork=True)
    blames_fork = bool(_FORK_FAULT.search(body))
    return Result(_explain_refusal(status, body) if test.is_own else "", blames_fork=blames_fork)


def _explain_refusal(status: int, body: bytes) -> str:
    """Last words: the model's own exception first, then whose request it was, then how it came to it."""
    said = body.decode(errors="replace")
    request = f"the model answers its own input example with {status}"
    try:
        answer = json.loads(said)
        trace, message = str(answer.get("stack_trace") or ""), str(answer.get("message") or "")
    except (ValueError, AttributeError):
        return last_words.fit(f"{request}: {said}", "")
    cause = find_last_line(trace)
    head = f"{cause}\n{request}: {message}" if cause else f"{request}: {message or said}"
    return last_words.fit(head, trace)


def find_last_line(trace: str) -> str:
    """The exception of a stack trace in Python's words, such as `ValueError: no`: the first line after the frames."""
    lines = trace.rstrip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith("  File ")]
    after = lines[frames[-1] + 1 :] if frames else lines[-1:]
    return next((line for line in after if line and not line.startswith(" ")), "")


async def post(scoring: asgi.Asgi, body: bytes) -> tuple[int, bytes]:
    """Status and body of the application's answer to a POST of JSON to /invocations, without a network."""
    requested, status, answered = [body], 500, bytearray()

    async def receive() -> asgi.Message:
        if requested:
            return {"type": "http.request", "body": requested.pop(), "more_body": False}
        await asyncio.Event().wait()  # the client stays
        raise AssertionError("unreachable")

    async def send(message: asgi.Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            answered.extend(message.get("body", b""))

    scope: asgi.Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": names.INVOCATIONS_PATH,
        "raw_path": names.INVOCATIONS_PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "client": None,
        "server": None,
    }
    await scoring(scope, receive, send)
    return status, bytes(answered)
