"""Downloads a plan's blocks side by side into a staging directory; a block goes on from where it broke off."""

import concurrent.futures
import hashlib
import os
import pathlib
import threading
from collections.abc import Iterator

from podium import errors, names
from podium.puller import digest, limits, plan, stores

CONNECTIONS = 8
_READ = 4 * 1024 * 1024


class _Target:
    """One file in the staging directory, and the digests of its blocks that have arrived."""

    def __init__(self, file: plan.File, staging: pathlib.Path) -> None:
        self.file = file
        self.path = staging / file.path
        self.blocks = list(plan.blocks(file.stored.size))
        self.verified = False
        """Whether one answer brought the whole file and was compared with what the store states."""
        self._digests: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def create(self) -> None:
        """Makes the file at its full size, its directories too."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("wb") as stream:
            stream.truncate(self.file.stored.size)

    def note_block(self, number: int, block_digest: bytes) -> bool:
        """Notes a block; True for the last one of the file."""
        with self._lock:
            self._digests[number] = block_digest
            return len(self._digests) == len(self.blocks)

    @property
    def digest(self) -> bytes:
        """The digest of the whole file, once every block has arrived."""
        return digest.file_digest([self._digests[block.number] for block in self.blocks])


class _Progress:
    """How far one block has come."""

    def __init__(self, block: plan.Block) -> None:
        self.block = block
        self.received = 0
        self.hasher = hashlib.sha256()


class Transfer:
    """The download of one plan."""

    def __init__(self, store: stores.Store, staging: pathlib.Path, bounds: limits.Limits) -> None:
        self._store, self._staging, self._bounds = store, staging, bounds

    def run(self, planned: plan.Plan) -> str:
        """Downloads everything, verified and synced to disk; returns the artifact's digest. Raises PullError."""
        targets = [_Target(file, self._staging) for file in planned.files]
        for target in targets:
            target.create()
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            futures = [pool.submit(self._fetch_block, *work) for work in _order_largest_first(targets)]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:
                self._bounds.stop()
                raise
        return digest.artifact_digest((t.file.path, t.file.stored.size, t.digest) for t in targets)

    def _fetch_block(self, target: _Target, block: plan.Block | None) -> None:
        if block is None:  # an empty file
            return _sync_file(target.path)
        progress = _Progress(block)
        self._bounds.retry(lambda: self._receive_block(target, progress))
        if target.note_block(block.number, progress.hasher.digest()):
            self._verify_file(target)
        return None

    def _receive_block(self, target: _Target, progress: _Progress) -> None:
        """Goes on with a block until its end or until the connection breaks; what has arrived is kept."""
        stored, offset = target.file.stored, progress.block.offset + progress.received
        with (
            target.path.open("r+b", buffering=0) as stream,
            self._store.read(stored, offset, progress.block.length - progress.received) as answer,
        ):
            stream.seek(offset)
            checked = answer.checksum.hasher() if answer.checksum else None
            for chunk in answer.chunks():
                self._bounds.check()
                _write_all(stream.fileno(), chunk)
                progress.hasher.update(chunk)
                progress.received += len(chunk)
                if checked:
                    checked.update(chunk)
            _check_length(target.file, progress)
            if checked and answer.checksum and checked.digest() != answer.checksum.value:
                raise _build_mismatch(target.file, answer.checksum)
            target.verified = answer.is_whole

    def _verify_file(self, target: _Target) -> None:
        """Compares a file that came in several answers with what the store states about the whole object now."""
        if not target.verified:
            checksum = self._bounds.retry(lambda: self._store.find_checksum(target.file.stored))
            if checksum and self._hash_file(target.path, checksum) != checksum.value:
                raise _build_mismatch(target.file, checksum)
        _sync_file(target.path)

    def _hash_file(self, path: pathlib.Path, checksum: digest.Checksum) -> bytes:
        hasher = checksum.hasher()
        with path.open("rb", buffering=0) as stream:
            while chunk := stream.read(_READ):
                self._bounds.check()
                hasher.update(chunk)
        return hasher.digest()


def _order_largest_first(targets: list[_Target]) -> Iterator[tuple[_Target, plan.Block | None]]:
    for target in sorted(targets, key=lambda t: t.file.stored.size, reverse=True):
        if not target.blocks:
            yield target, None
        for block in target.blocks:
            yield target, block


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_file(path: pathlib.Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _check_length(file: plan.File, progress: _Progress) -> None:
    if progress.received < progress.block.length:
        missing = progress.block.length - progress.received
        message = f"{file.stored.key}: the answer ended {missing} bytes early"
        raise errors.SourceUnreachable(names.PullReason.OBJECT_TRUNCATED, message)


def _build_mismatch(file: plan.File, checksum: digest.Checksum) -> errors.ArtifactChanged:
    message = f"{file.stored.key}: the bytes do not match the {checksum.algorithm} checksum that the store has of them"
    return errors.ArtifactChanged(names.PullReason.CHECKSUM_MISMATCH, message)
