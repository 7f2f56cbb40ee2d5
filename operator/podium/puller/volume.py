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
from podium.puller import journal, plan, report

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Volume:
    """The directory that the model's pod serves from."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._own = root / plan.RESERVED
        self.staging = self._own / "staging"
        self._journal = self._own / "journal"
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

    def prepare(self, planned: plan.Plan) -> journal.Journal:
        """Makes the staging directory ready, with what an earlier run of the container has brought of these files.

        Raises NoRoom unless what is missing fits.
        """
        with translate_errors():
            self._finished.unlink(missing_ok=True)
            self._remove_placed(planned)
            self.staging.mkdir(parents=True, exist_ok=True)
            record = journal.Journal(self._journal, planned.source.uri)
            kept = self._clear_staging({file.path for file in planned.files if record.find_blocks(file)})
            free = shutil.disk_usage(self._root).free
        if planned.bytes > free + kept:
            message = (
                f"the artifact has {planned.bytes} bytes, but the volume has {free + kept} free: make the volume "
                "larger, or free space on the node"
            )
            raise errors.NoRoom(names.PullReason.TOO_LARGE_FOR_DISK, message)
        return record

    def _remove_placed(self, planned: plan.Plan) -> None:
        """Removes what a pull that broke off had put in place: it would be replaced, and needs the room twice."""
        for name in {file.path.partition("/")[0] for file in planned.files}:
            placed = self._root / name
            if placed.is_dir() and not placed.is_symlink():
                shutil.rmtree(placed)
            else:
                placed.unlink(missing_ok=True)

    def _clear_staging(self, wanted: set[str]) -> int:
        """Removes all files from the staging directory but these; returns the bytes that those have on disk."""
        kept = 0
        for directory, folders, files in os.walk(self.staging, topdown=False):
            here = pathlib.Path(directory)
            for name in files:
                if str((here / name).relative_to(self.staging)) in wanted:
                    kept += (here / name).stat().st_blocks * 512
                else:
                    (here / name).unlink()
            for name in folders:
                with contextlib.suppress(OSError):  # there is a file in it
                    (here / name).rmdir()
        return kept

    def place(self, source: str, success: report.Success) -> None:
        """Moves the staged artifact into its place and remembers the pull as finished."""
        with translate_errors():
            for directory, _, _ in os.walk(self.staging):
                _sync_directory(pathlib.Path(directory))
            for entry in sorted(self.staging.iterdir(), key=lambda e: (e.name == plan.MLMODEL, e.name)):
                self._move_entry(entry)
            _sync_directory(self._root)
            self._record_finished(source, success)
            self._journal.unlink(missing_ok=True)

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
