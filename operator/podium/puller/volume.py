"""The model's volume: a staging directory, the artifact's way into its place, and the memory of a finished pull.

The volume's root is a mount point, which nothing can be renamed onto. So the artifact's top entries are renamed one
by one, MLmodel last, and the pull counts as finished only when its report stands beside them: a container that is
started again finds either a whole artifact or none.
"""

import contextlib
import dataclasses
import errno
import json
import os
import pathlib
import shutil
from collections.abc import Iterator

from podium import errors, names
from podium.puller import plan, report

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Volume:
    """The directory that the model's pod serves from."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._own = root / plan.RESERVED
        self.staging = self._own / "staging"
        self._finished = self._own / "finished.json"

    def find_finished(self, source: str) -> report.Success | None:
        """The report of a pull of this source that ended well in this volume."""
        try:
            data = json.loads(self._finished.read_text())
            if data.pop("source") != source or not (self._root / plan.MLMODEL).is_file():
                return None
            return report.Success(**data)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def prepare(self, needed: int) -> None:
        """Empties the staging directory. Raises NoRoom unless `needed` bytes are free."""
        with translate_errors():
            self._finished.unlink(missing_ok=True)
            shutil.rmtree(self.staging, ignore_errors=True)
            self.staging.mkdir(parents=True)
            free = shutil.disk_usage(self._root).free
        if needed > free:
            message = (
                f"the artifact has {needed} bytes, but the volume has {free} free: make the volume larger, or free "
                "space on the node"
            )
            raise errors.NoRoom(names.PullReason.TOO_LARGE_FOR_DISK, message)

    def place(self, source: str, success: report.Success) -> None:
        """Moves the staged artifact into its place and remembers the pull as finished."""
        with translate_errors():
            for directory, _, _ in os.walk(self.staging):
                _sync_directory(pathlib.Path(directory))
            for entry in sorted(self.staging.iterdir(), key=lambda e: (e.name == plan.MLMODEL, e.name)):
                self._move_entry(entry)
            _sync_directory(self._root)
            self._record_finished(source, success)

    def _move_entry(self, entry: pathlib.Path) -> None:
        goal = self._root / entry.name
        if goal.is_dir() and not goal.is_symlink():
            shutil.rmtree(goal)
        elif entry.is_dir():
            goal.unlink(missing_ok=True)
        entry.rename(goal)

    def _record_finished(self, source: str, success: report.Success) -> None:
        draft = self._finished.with_suffix(".draft")
        with draft.open("w") as stream:
            json.dump({"source": source} | dataclasses.asdict(success), stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(self._finished)
        _sync_directory(self._own)


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Turns the file system's errors into NoRoom."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message = f"the volume is full: {error}: make the volume larger, or free space on the node"
            raise errors.NoRoom(names.PullReason.TOO_LARGE_FOR_DISK, message) from error
        raise errors.NoRoom(names.PullReason.DISK_FAILED, f"the model's volume cannot be written: {error}") from error


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
