"""`python3 -m podium.serving` of the light image: keeps the contract of the real server, without MLflow.

It answers /health, /ping and /invocations on port 8080, names its version on every answer of /invocations,
drains on SIGTERM (unhealthy, `Connection: close`, still answering), and leaves last words when it cannot serve.
What it does besides is written in the artifact, `light.json`, so that each version of a model can behave differently:

    answer: any           what /invocations answers as `predictions`
    load_seconds: number  how long loading takes
    fail: load            ends with last words instead of loading
          health          runs, but /health answers 503 for ever
          crash           is healthy, and ends a second later
          fork            ends once as a server does whose model does not answer in forked workers, then serves
"""

import asyncio
import json
import os
import pathlib
import signal
import sys
import time

VERSION = os.environ.get("PODIUM_MODEL_VERSION", "")
DRAIN_SECONDS = float(os.environ.get("PODIUM_DRAIN_SECONDS", "5"))
PORT = int(os.environ.get("PODIUM_PORT", "8080"))
MODEL_DIR = pathlib.Path(os.environ.get("PODIUM_MODEL_DIR", "/model"))
FORK_NOTE = pathlib.Path("/tmp/podium-worker-start")
"""Where the real server leaves a note to its next run, too."""
LAST_WORDS = pathlib.Path(os.environ.get("PODIUM_TERMINATION_LOG", "/dev/termination-log"))


class State:
    """What changes while the server runs."""

    healthy = True
    draining = False


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: each request's head is read, its body skipped, and answered."""

    def __init__(self, state: State, predictions: bytes, open_connections: set["Connection"]) -> None:
        self._state, self._predictions, self._open = state, predictions, open_connections
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers where to answer."""
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Forgets the connection."""
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answers every request that has arrived in full."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:]}
            size = end + 4 + int(headers.get("content-length", "0"))
            if len(self._buffer) < size:
                return
            self._buffer = self._buffer[size:]
            self._answer(head[0].split(" ")[1].partition("?")[0])

    def _answer(self, path: str) -> None:
        status, body, more = "404 Not Found", b"{}", ""
        if path in {"/health", "/ping"}:
            well = self._state.healthy and not self._state.draining
            status = "200 OK" if well else "503 Service Unavailable"
        elif path == "/invocations":
            status, body, more = "200 OK", self._predictions, f"X-Podium-Model-Version: {VERSION}\r\n"
        close = "Connection: close\r\n" if self._state.draining else ""
        size = f"Content-Length: {len(body)}\r\n"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{size}{more}{close}\r\n"
        self._transport.write(head.encode() + body)
        if self._state.draining:
            self._transport.close()


async def serve(behaviour: dict) -> int:
    """Serves until SIGTERM and the end of the drain; returns the exit code."""
    state, stop, connections = State(), asyncio.Event(), set()
    state.healthy = behaviour.get("fail") != "health"
    loop = asyncio.get_running_loop()
    predictions = json.dumps({"predictions": behaviour.get("answer", [0])}).encode()
    server = await loop.create_server(lambda: Connection(state, predictions, connections), None, PORT, backlog=512)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if behaviour.get("fail") == "crash":
        await asyncio.sleep(1)
        return leave("the light server was told to crash")
    await stop.wait()
    state.draining = True
    await asyncio.sleep(DRAIN_SECONDS)
    server.close()
    await asyncio.sleep(0.1)
    return 0


def leave(words: str) -> int:
    """Writes the termination message; returns the exit code."""
    LAST_WORDS.write_text(words)
    sys.stderr.write(words + "\n")
    return 1


def main() -> int:
    """Loads what stands in for a model, and serves it."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if not (MODEL_DIR / "MLmodel").is_file():
        return leave(f"the model does not load: {MODEL_DIR}/MLmodel is missing")
    file = MODEL_DIR / "light.json"
    behaviour = json.loads(file.read_text()) if file.is_file() else {}
    time.sleep(behaviour.get("load_seconds", 0))
    if behaviour.get("fail") == "load":
        return leave("the model does not load: ModuleNotFoundError: No module named 'xgboost'")
    if behaviour.get("fail") == "fork" and not FORK_NOTE.exists():
        FORK_NOTE.write_text("the light server was told not to fork")
        leave("the light server was told not to fork")
        return 75
    return asyncio.run(serve(behaviour))


if __name__ == "__main__":
    sys.exit(main())
