"""What a pull has brought so far, so that a container that is started again goes on from there.

The pod's volume survives its containers, but nothing says that its bytes are what was written before a node failed. So
the journal holds a digest of every block, and a block counts only if its bytes on disk still have that. It holds for
one object by its size and ETag; an object without an ETag, or with a weak one, is pulled anew.

One line of JSON for each block, appended when the block is there. A line that was cut is passed over.
"""

import json
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

from podium.puller import plan

_Key = tuple[str, str, int]


class Journal:
    """The journal of the pull of one source; that of another source counts as none."""

    def __init__(self, path: pathlib.Path, source: str) -> None:
        self._path, self._lock = path, threading.Lock()
        self._blocks: dict[_Key, dict[int, bytes]] = {}
        lines = list(_read_lines(path))
        if lines and lines[0].get("source") == source:
            for line in lines[1:]:
                self._take(line)
        else:
            path.write_text(json.dumps({"source": source}) + "\n")

    def find_blocks(self, file: plan.File) -> dict[int, bytes]:
        """The digests of the blocks of a file that were brought, by number."""
        return dict(self._blocks.get(_identify(file), {}))

    def note_block(self, file: plan.File, number: int, digest: bytes) -> None:
        """Keeps that a block is there."""
        if file.stored.etag and not file.stored.is_weak:
            self._append({"object": _identify(file), "block": number, "digest": digest.hex()})

    def forget_file(self, file: plan.File) -> None:
        """Keeps that the blocks of a file are not what they should be."""
        self._blocks.pop(_identify(file), None)
        self._append({"object": _identify(file), "block": None})

    def _take(self, line: dict[str, Any]) -> None:
        try:
            path, etag, size = line["object"]
            if line["block"] is None:
                self._blocks.pop((path, etag, size), None)
            else:
                self._blocks.setdefault((path, etag, size), {})[int(line["block"])] = bytes.fromhex(line["digest"])
        except (KeyError, TypeError, ValueError):
            return

    def _append(self, line: dict[str, Any]) -> None:
        with self._lock, self._path.open("ab", buffering=0) as stream:
            os.write(stream.fileno(), b"\n" + json.dumps(line).encode())


def _identify(file: plan.File) -> _Key:
    return file.path, file.stored.etag, file.stored.size


def _read_lines(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
