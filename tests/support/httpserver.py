"""What the HTTP servers of tests share: they listen on 127.0.0.1, take every request alike, and end with the test."""

import collections.abc
import contextlib
import http.server
import threading
from typing import Any, Self


class Server(http.server.ThreadingHTTPServer):
    """Gives each request to a handler of this kind."""

    daemon_threads = True

    def __init__(self, handler: "type[Handler]") -> None:
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    @contextlib.contextmanager
    def running(self) -> collections.abc.Iterator[Self]:
        """The server, as long as the test takes."""
        with self:
            thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                self.shutdown()
                thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; `respond` is what a kind of server does about a request."""

    protocol_version = "HTTP/1.1"

    def respond(self, body: bytes) -> None:
        """Answer the request, or drop it."""
        raise NotImplementedError

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """The whole answer; a Content-Length among the headers wins over the true one."""
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def drop(self) -> None:
        """Close the connection."""
        self.close_connection = True
        self.connection.close()

    def _handle(self) -> None:
        self.respond(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle

    def log_message(self, *args: Any) -> None:
        """Silent."""
