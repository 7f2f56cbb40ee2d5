"""Which process of a server answers on a connection, as Linux tells it: to speak to each worker on purpose."""

import http.client
import json
import pathlib
import urllib.parse
from typing import Any


class Connection:
    """One kept connection to a server on 127.0.0.1, and so to one of its workers."""

    def __init__(self, port: int, root: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.request("GET", "/version")  # once it is answered, some worker has the connection
        self._connection.getresponse().read()
        self._own_port = self._connection.sock.getsockname()[1]
        self.worker = _owner(_inode(port, self._own_port), root)

    def call(self, method: str, path: str, values: dict[str, Any]) -> dict[str, Any]:
        """A call of MLflow's REST interface. Fails when it is refused, or when the connection was not kept."""
        body, query = None, ""
        if method == "GET":
            query = "?" + urllib.parse.urlencode(values)
        else:
            body = json.dumps(values)
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, f"/api/2.0/mlflow/{path}{query}", body, headers)
        assert self._connection.sock.getsockname()[1] == self._own_port, "the connection was not kept"
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content.decode()
        found: dict[str, Any] = json.loads(content)
        return found

    def close(self) -> None:
        """Closes it."""
        self._connection.close()


def connect_to_each(port: int, root: int, count: int, tries: int = 400) -> list[Connection]:
    """A connection to each of `count` workers, the children of process `root`; the kernel chooses, so we try."""
    found: dict[int, Connection] = {}
    others = []
    for _ in range(tries):
        opened = Connection(port, root)
        others.append(opened)
        if opened.worker not in found:
            found[opened.worker] = others.pop()
        if len(found) == count:
            break
    for each in others:
        each.close()
    assert len(found) == count, f"{len(found)} of {count} workers took one of {tries} connections"
    return list(found.values())


def _inode(server_port: int, client_port: int) -> str:
    """The server's end of a connection on loopback."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = tuple(int(address.rpartition(":")[2], 16) for address in fields[1:3])
        if ports == (server_port, client_port):
            return fields[9]
    raise AssertionError(f"no connection from {client_port} to {server_port}")


def _owner(inode: str, root: int) -> int:
    """The process below `root` that has the socket open."""
    for process in _descendants(root):
        for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return process
    raise AssertionError(f"no process below {root} has socket {inode}")


def _descendants(root: int) -> list[int]:
    children = pathlib.Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return [each for child in children for each in (int(child), *_descendants(int(child)))]
