"""A PostgreSQL server of this machine for tests and measurements: on loopback, with the durability that it comes with.

It needs the Debian package postgresql (`hack/localcluster up --install` installs it) and not its service.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from tests.support import s3

USER = "podium"
START_SECONDS = 60
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "300"}


@contextlib.contextmanager
def running(folder: pathlib.Path, **settings: str) -> Iterator[str]:
    """An empty server; yields the SQLAlchemy URI to which `database` adds a database. Its log is in `folder`.

    Everything is durable (fsync, full_page_writes and synchronous_commit are on) unless `settings` of
    postgresql.conf say otherwise. It refuses to run as root: then it
    runs as `postgres`, who has an account by the package, and its files are in a folder of that account.
    """
    with tempfile.TemporaryDirectory(prefix="podium-postgres-") as data:
        account = _hand_over(data)
        port = s3.free_ports(1)[0]
        initialized = [
            find_program("initdb"),
            "--auth=trust",
            f"--username={USER}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run([*initialized, f"--pgdata={data}"], **account, cwd=data, check=True, capture_output=True)
        options = [option for item in (_SETTINGS | settings).items() for option in ("-c", "=".join(item))]
        log = folder / "postgres.log"
        with log.open("wb") as out:
            command = [find_program("postgres"), "-D", data, "-p", str(port), *options]
            process = subprocess.Popen(command, **account, cwd=data, stdout=out, stderr=out)
        try:
            _await(process, port, log)
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nobody wants the data
            process.wait()


def database(server_uri: str, name: str) -> str:
    """Makes an empty database; its SQLAlchemy URI, as MLflow takes it."""
    with psycopg.connect(f"{server_uri.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    return f"{server_uri}/{name}"


class Missing(Exception):
    """This machine has no PostgreSQL; the text says how to get it."""


def find_program(name: str) -> str:
    """The path of a program of PostgreSQL's newest version. Raises Missing."""
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(versions)), os.environ.get("PATH", "")]))
    if not found:
        raise Missing("run `apt-get install postgresql`")
    return found


def _hand_over(data: str) -> dict[str, Any]:
    """Give the folder to whom the server runs as; the options that start a process as them."""
    if os.geteuid():
        return {}
    account = pwd.getpwnam("postgres")
    os.chown(data, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _await(process: subprocess.Popen[bytes], port: int, log: pathlib.Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            return
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-3000:]}")
