"""Downloads a plan's blocks side by side into a staging directory; a block goes on from where it broke off.

A file that does not match its checksum is brought once more, since bytes are damaged on the way now and then. If the
same bytes come again, the store's own checksum decides. An ETag is none: that it has the form of an MD5 and is another
value says only that this store's ETags are no MD5 (objects that a backup restored, gateways with hashes of their own).
"""

import collections
import concurrent.futures
import hashlib
import os
import pathlib
import threading
from collections.abc import Iterator

from podium import errors, names
from podium.puller import digest, journal, limits, plan, report, stores

CONNECTIONS = 8
_READ = 4 * 1024 * 1024


class _Target:
    """One file in the staging directory, and the digests of its blocks that have arrived."""

    def __init__(self, file: plan.File, uri: str, staging: pathlib.Path) -> None:
        self.file, self.uri = file, uri
        self.path = staging / file.path
        self.blocks = list(plan.blocks(file.stored.size))
        self.stated: digest.Checksum | None = None
        """What the store stated with the whole file, if one answer brought it."""
        self.is_asked = False
        """Whether such an answer has come."""
        self.recorded: dict[int, bytes] = {}
        """The digests of blocks that an earlier run of the container has brought."""
        self._digests: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def create(self, recorded: dict[int, bytes]) -> None:
        """Makes the file at its full size, its directories too; keeps the one that is there with these blocks."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = self.file.stored.size
        if recorded and self.path.is_file() and self.path.stat().st_size == size:
            self.recorded = recorded
            return
        with self.path.open("wb") as stream:
            stream.truncate(size)

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

    def __init__(
        self, store: stores.Store, staging: pathlib.Path, bounds: limits.Limits, record: journal.Journal
    ) -> None:
        self._store, self._staging, self._bounds, self._journal = store, staging, bounds, record
        self._lock = threading.Lock()
        self._trusts_etags = True
        self.verified: collections.Counter[str] = collections.Counter()
        """How many files were compared with what: the name of a checksum, an ETag, or the size alone."""
        self.kept = 0
        """Bytes that were there from an earlier run."""

    def run(self, planned: plan.Plan) -> str:
        """Downloads everything, verified and synced to disk; returns the artifact's digest. Raises PullError."""
        targets = [_Target(file, planned.source.build_uri(file.stored.key), self._staging) for file in planned.files]
        for target in targets:
            target.create(self._journal.find_blocks(target.file))
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
        found = self._find_kept(target, block) or self._bring_block(target, block)
        if target.note_block(block.number, found):
            self._finish_file(target)
        return None

    def _find_kept(self, target: _Target, block: plan.Block) -> bytes | None:
        """The digest of a block that an earlier run has brought, if its bytes are still what they were."""
        recorded = target.recorded.get(block.number)
        if recorded is None or self._hash_file(target.path, hashlib.sha256(), block) != recorded:
            return None
        with self._lock:
            self.kept += block.length
        return recorded

    def _bring_block(self, target: _Target, block: plan.Block) -> bytes:
        progress = _Progress(block)
        self._bounds.retry(lambda: self._receive_block(target, progress))
        found = progress.hasher.digest()
        self._journal.note_block(target.file, block.number, found)
        return found

    def _receive_block(self, target: _Target, progress: _Progress) -> None:
        """Goes on with a block until its end or until the connection breaks; what has arrived is kept."""
        stored, offset = target.file.stored, progress.block.offset + progress.received
        with (
            target.path.open("r+b", buffering=0) as stream,
            self._store.read(stored, offset, progress.block.length - progress.received) as answer,
        ):
            stream.seek(offset)
            for chunk in answer.chunks():
                self._bounds.check()
                _write_all(stream.fileno(), chunk)
                progress.hasher.update(chunk)
                progress.received += len(chunk)
            _check_length(target.uri, progress)
            target.is_asked, target.stated = answer.is_whole, answer.checksum

    def _finish_file(self, target: _Target) -> None:
        """Compares a whole file with what the store states about it."""
        checksum = self._find_checksum(target)
        if checksum and self._hash_file(target.path, checksum.hasher()) != checksum.value:
            checksum = self._settle_mismatch(target, checksum)
        _sync_file(target.path)
        with self._lock:
            self.verified[_describe_check(checksum)] += 1

    def _find_checksum(self, target: _Target) -> digest.Checksum | None:
        """What the store states of a file; it is asked where no answer brought the whole file."""
        found = target.stated
        if not target.is_asked:
            found = self._bounds.retry(lambda: self._store.find_checksum(target.file.stored))
        return found if found and (found.is_stated or self._trusts_etags) else None

    def _settle_mismatch(self, target: _Target, checksum: digest.Checksum) -> digest.Checksum | None:
        """Brings a file once more; None if its ETag turns out to be no checksum. Raises ArtifactChanged."""
        first = target.digest
        self._journal.forget_file(target.file)
        report.log(
            "the bytes do not match, the object is brought again",
            "warning",
            source=target.uri,
            by=_describe_check(checksum),
        )
        for block in target.blocks:
            target.note_block(block.number, self._bring_block(target, block))
        if self._hash_file(target.path, checksum.hasher()) == checksum.value:
            return checksum
        if checksum.is_stated or target.digest != first:
            self._journal.forget_file(target.file)
            raise _build_mismatch(target.uri, checksum)
        self._doubt_etags(target)
        return None

    def _doubt_etags(self, target: _Target) -> None:
        with self._lock:
            was_trusted, self._trusts_etags = self._trusts_etags, False
        if was_trusted:
            message = "an ETag is not an MD5, though it looks so: ETags of this store are not compared any more"
            report.log(message, "warning", source=target.uri, etag=target.file.stored.etag)

    def _hash_file(self, path: pathlib.Path, hasher: digest.Hasher, block: plan.Block | None = None) -> bytes:
        """Hashes a file, or a block of it."""
        left = block.length if block else path.stat().st_size
        with path.open("rb", buffering=0) as stream:
            stream.seek(block.offset if block else 0)
            while left and (chunk := stream.read(min(left, _READ))):
                self._bounds.check()
                hasher.update(chunk)
                left -= len(chunk)
        return hasher.digest()


def _order_largest_first(targets: list[_Target]) -> Iterator[tuple[_Target, plan.Block | None]]:
    for target in sorted(targets, key=lambda t: t.file.stored.size, reverse=True):
        if not target.blocks:
            yield target, None
        for block in target.blocks:
            yield target, block


def _describe_check(checksum: digest.Checksum | None) -> str:
    if checksum is None:
        return "size"
    return checksum.algorithm if checksum.is_stated else "etag"


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_file(path: pathlib.Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _check_length(uri: str, progress: _Progress) -> None:
    if progress.received < progress.block.length:
        missing = progress.block.length - progress.received
        message = f"{uri}: the answer ended {missing} bytes early"
        raise errors.SourceUnreachable(names.PullReason.OBJECT_TRUNCATED, message)


def _build_mismatch(uri: str, checksum: digest.Checksum) -> errors.ArtifactChanged:
    what = f"the {checksum.algorithm} checksum that the store has of them" if checksum.is_stated else "the ETag"
    message = f"{uri}: the bytes do not match {what}, in two tries"
    return errors.ArtifactChanged(names.PullReason.CHECKSUM_MISMATCH, message)
