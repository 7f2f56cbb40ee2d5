"""What a pull has brought, as the next run of the container finds it."""

import pathlib

import pytest

from podium.puller import journal, plan

SOURCE = "s3://b/p/"


def a_file(path: str = "weights", etag: str = "etag", size: int = 3, is_weak: bool = False) -> plan.File:
    return plan.File(path, plan.StoredObject(f"p/{path}", size, etag, is_weak))


def test_blocks_are_found_again_by_number(tmp_path: pathlib.Path) -> None:
    first = journal.Journal(tmp_path / "journal", SOURCE)
    first.note_block(a_file(), 1, b"one")
    first.note_block(a_file(), 0, b"zero")
    assert journal.Journal(tmp_path / "journal", SOURCE).find_blocks(a_file()) == {0: b"zero", 1: b"one"}


@pytest.mark.parametrize(
    "other", [a_file(etag="new"), a_file(size=4), a_file(path="other")], ids=["written again", "size", "path"]
)
def test_blocks_of_another_object_do_not_count(tmp_path: pathlib.Path, other: plan.File) -> None:
    journal.Journal(tmp_path / "journal", SOURCE).note_block(a_file(), 0, b"zero")
    assert journal.Journal(tmp_path / "journal", SOURCE).find_blocks(other) == {}


@pytest.mark.parametrize("file", [a_file(etag=""), a_file(is_weak=True)], ids=["no ETag", "a weak one"])
def test_an_object_that_could_change_unseen_is_not_remembered(tmp_path: pathlib.Path, file: plan.File) -> None:
    journal.Journal(tmp_path / "journal", SOURCE).note_block(file, 0, b"zero")
    assert journal.Journal(tmp_path / "journal", SOURCE).find_blocks(file) == {}


def test_a_file_that_was_forgotten_is_begun_anew(tmp_path: pathlib.Path) -> None:
    first = journal.Journal(tmp_path / "journal", SOURCE)
    first.note_block(a_file(), 0, b"zero")
    first.forget_file(a_file())
    first.note_block(a_file(), 1, b"one")
    assert journal.Journal(tmp_path / "journal", SOURCE).find_blocks(a_file()) == {1: b"one"}


@pytest.mark.parametrize(
    "torn", ["{", '{"object": 1}', "[]", '{"object": ["weights", "etag", 3], "block": "x"}', "\udc80"]
)
def test_a_line_that_was_cut_is_passed_over(tmp_path: pathlib.Path, torn: str) -> None:
    first = journal.Journal(tmp_path / "journal", SOURCE)
    first.note_block(a_file(), 0, b"zero")
    with (tmp_path / "journal").open("ab") as stream:
        stream.write(b"\n" + torn.encode("utf-8", "surrogateescape"))
    journal.Journal(tmp_path / "journal", SOURCE).note_block(a_file(), 1, b"one")
    assert journal.Journal(tmp_path / "journal", SOURCE).find_blocks(a_file()) == {0: b"zero", 1: b"one"}


@pytest.mark.parametrize("content", ["", "x", "[]", '{"source": "s3://other/"}'])
def test_a_journal_that_cannot_be_read_counts_as_none(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "journal").write_text(content)
    assert journal.Journal(tmp_path / "journal", SOURCE).find_blocks(a_file()) == {}
