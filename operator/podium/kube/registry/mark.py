"""The mark: the highest resourceVersion of a registry that any tracking server of this machine was answered with.

Workers of one server are processes of their own, and a user's next call may go to another one. Each writes into the
mark, a file of 8 bytes in the folder for temporary files, what it was answered; a list waits until its copy has got
there. The file belongs to a registry and not to a process: resourceVersions only grow, so that one that is left behind
holds up nobody. After a restore of the cluster from a backup they are smaller; the first list that shows it lowers it.
"""

import fcntl
import mmap
import os
import pathlib
import tempfile
import threading
from collections.abc import Callable

from podium import names

_BYTES = 8


class Mark:
    """One number, shared by all processes of this user that open the same file; safe to use from several threads."""

    def __init__(self, path: pathlib.Path) -> None:
        """Raises OSError; PermissionError for a file of another user."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_uid != os.geteuid():
            os.close(self._file)
            raise PermissionError(f"{path} belongs to another user")
        if os.fstat(self._file).st_size < _BYTES:
            os.ftruncate(self._file, _BYTES)
        self._number = memoryview(mmap.mmap(self._file, _BYTES)).cast("Q")
        self._lock = threading.Lock()

    @property
    def value(self) -> int:
        """The mark; read without the lock, because eight aligned bytes are read at once."""
        return self._number[0]

    def raise_to(self, version: int) -> None:
        """The mark is at least this from now on."""
        if version > self._number[0]:
            self._change_value(lambda value: max(value, version))

    def lower(self, found: int, to: int) -> None:
        """A list that began when the mark was `found` is of an earlier time: it is from before a restore."""
        self._change_value(lambda value: to if value == found else value)

    def _change_value(self, step: Callable[[int], int]) -> None:
        with self._lock:  # a lock of the file is the process's, whichever thread asks
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                self._number[0] = step(self._number[0])
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def find_path(server: str, namespace: str) -> pathlib.Path:
    """Where this user's mark of the registry in this namespace of this API server is."""
    registry = names.short_hash(f"{server}\n{namespace}", 20)
    return pathlib.Path(tempfile.gettempdir()) / f"podium-mark-{os.geteuid()}-{registry}"
