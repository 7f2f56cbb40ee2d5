"""A PostgreSQL server of this machine for tests and measurements: on loopback, with the durability that it comes with.

It needs the Debian package postgresql (`hack/localcluster up --install` installs it) and not its service.
"""

import contextlib
import functools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import psycopg

from tests.support import programs

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
        port = programs.free_ports(1)[0]
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
        command = [find_program("postgres"), "-D", data, "-p", str(port), *options]
        at_once = signal.SIGQUIT  # nobody wants the data
        with programs.running(command, log, end=at_once, cwd=data, **account) as process:
            programs.await_ready(process, log, functools.partial(_answers, port), START_SECONDS)
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}"


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


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
