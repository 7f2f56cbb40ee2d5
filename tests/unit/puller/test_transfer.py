"""The download of a plan, from a store that is not S3: resume, verification, and the end of all parts."""

import pathlib

import pytest

from podium import errors, names
from podium.puller import journal, limits, plan, pull, settings, transfer
from tests.unit.puller import conftest, folder


def run(store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path, retries: int = 2) -> str:
    source = plan.parse_source(chosen.source, ["folder"])
    opened, bounds = store.open(source, chosen, transfer.CONNECTIONS), limits.Limits(60, retries)
    planned = plan.build_plan(source, pull.list_objects(source, opened, bounds))
    record = journal.Journal(staging.parent / "journal", source.uri)
    return transfer.Transfer(opened, staging, bounds, record).run(planned)


@pytest.fixture
def staging(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


def test_a_block_goes_on_from_where_the_answer_ended(
    store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path
) -> None:
    store.cuts = {("iris/3/weights", 0): 5000}
    run(store, chosen, staging)
    assert (staging / "weights").read_bytes() == conftest.WEIGHTS
    assert ("iris/3/weights", 5000, plan.BLOCK - 5000) in store.reads


def test_answers_that_always_end_early_are_told_as_truncated(
    store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path
) -> None:
    store.is_silent = True
    with pytest.raises(errors.SourceUnreachable, match=r"ended \d+ bytes early") as caught:
        run(store, chosen, staging, retries=0)
    assert caught.value.reason == names.PullReason.OBJECT_TRUNCATED


@pytest.mark.parametrize("key", ["iris/3/MLmodel", "iris/3/weights"], ids=["in one answer", "in several answers"])
def test_bytes_that_do_not_match_the_stores_checksum_are_refused(
    store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path, key: str
) -> None:
    store.wrong_checksums = frozenset({key})
    with pytest.raises(errors.ArtifactChanged, match="do not match the sha256 checksum") as caught:
        run(store, chosen, staging)
    assert caught.value.reason == names.PullReason.CHECKSUM_MISMATCH


def test_a_store_that_states_no_checksums_is_pulled_from_all_the_same(
    store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path
) -> None:
    store.states_checksums = False
    assert run(store, chosen, staging).startswith("sha256:")


def test_an_empty_file_needs_no_request(store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path) -> None:
    run(store, chosen, staging)
    assert "iris/3/empty" not in {key for key, _, _ in store.reads}
    assert (staging / "empty").read_bytes() == b""


def test_blocks_that_an_earlier_run_has_brought_are_not_read_again(
    store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path
) -> None:
    store.etag = "etag"
    first = run(store, chosen, staging)
    store.reads.clear()
    assert run(store, chosen, staging) == first
    assert store.reads == []


def test_blocks_that_have_changed_on_disk_are_read_again(
    store: folder.Folder, chosen: settings.Settings, staging: pathlib.Path
) -> None:
    store.etag = "etag"
    first = run(store, chosen, staging)
    with (staging / "weights").open("r+b") as stream:
        stream.seek(plan.BLOCK)
        stream.write(b"TAIL")
    store.reads.clear()
    assert run(store, chosen, staging) == first
    assert store.reads == [("iris/3/weights", plan.BLOCK, 4)]
