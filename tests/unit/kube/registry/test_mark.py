"""The number that the workers of a tracking server share."""

import multiprocessing
import os
import pathlib

import pytest

from podium.kube.registry import mark

PROCESSES = 4
RAISES = 500


def raise_often(path: pathlib.Path, first: int) -> None:
    shared = mark.Mark(path)
    for number in range(first, first + RAISES * PROCESSES, PROCESSES):
        before = shared.value
        shared.raise_to(number)
        assert shared.value >= max(before, number)


def test_what_one_process_writes_all_read_and_it_never_falls(tmp_path: pathlib.Path) -> None:
    shared = mark.Mark(tmp_path / "mark")
    assert shared.value == 0
    spawning = multiprocessing.get_context("spawn")
    workers = [spawning.Process(target=raise_often, args=(tmp_path / "mark", 1 + n)) for n in range(PROCESSES)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert [each.exitcode for each in workers] == [0] * PROCESSES
    assert shared.value == RAISES * PROCESSES
    shared.raise_to(7)
    assert mark.Mark(tmp_path / "mark").value == RAISES * PROCESSES


def test_it_falls_only_from_where_it_was_found(tmp_path: pathlib.Path) -> None:
    shared = mark.Mark(tmp_path / "mark")
    shared.raise_to(2**62)
    shared.lower(2**61, 5)
    assert shared.value == 2**62
    shared.lower(2**62, 5)
    assert shared.value == 5


def test_a_file_that_somebody_else_put_there_is_not_used(tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        mark.Mark(tmp_path / "link")
    assert (tmp_path / "elsewhere").read_bytes() == b"secret"
    with pytest.raises(OSError, match="missing"):
        mark.Mark(tmp_path / "missing" / "mark")


def test_each_registry_has_its_own_and_only_its_user_may_read_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    paths = {mark.find_path(server, where) for server in ("https://a", "https://b") for where in ("models", "other")}
    assert len(paths) == 4
    path = paths.pop()
    mark.Mark(path)
    assert (path.stat().st_mode & 0o777, path.stat().st_uid) == (0o600, os.geteuid())
