"""The smoke test: the model answers its own input example before the server says that it is healthy."""

import asyncio
import pathlib

from podium import names
from podium.serving import application, last_words

EXAMPLE = "serving_input_example.json"
"""What MLflow stores beside a model that was logged with an input example: the body of a request."""
_SHOWN = 2000


def run(scoring: application.Asgi, model_dir: pathlib.Path) -> bool:
    """Asks the application for an answer to the model's example; False if there is none. Raises CannotServe."""
    file = model_dir / EXAMPLE
    if not file.is_file():
        return False
    status, body = asyncio.run(post(scoring, file.read_bytes()))
    if status != 200:
        said = body.decode(errors="replace")[:_SHOWN]
        raise last_words.CannotServe(f"the model answers its own input example with {status}: {said}")
    return True


async def post(scoring: application.Asgi, body: bytes) -> tuple[int, bytes]:
    """Status and body of the application's answer to a POST of JSON to /invocations, without a network."""
    requested, status, answered = [body], 500, bytearray()

    async def receive() -> application.Message:
        if requested:
            return {"type": "http.request", "body": requested.pop(), "more_body": False}
        await asyncio.Event().wait()  # the client stays
        raise AssertionError("unreachable")

    async def send(message: application.Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            answered.extend(message.get("body", b""))

    scope: application.Scope = {
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
