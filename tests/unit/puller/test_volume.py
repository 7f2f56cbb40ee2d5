"""The model's volume: a whole artifact or none."""

import pathlib

import pytest

from podium import errors, names
from podium.puller import plan, report, volume

DONE = report.Success("sha256:00", 3, 2, 0.1)


SOURCE = "s3://b/p/"


def planned(*paths: str, size: int = 3, bucket: str = "b") -> plan.Plan:
    source = plan.Source("s3", bucket, "p/")
    return plan.Plan(source, [plan.File(path, plan.StoredObject(f"p/{path}", size, "etag")) for path in paths])


def stage(target: volume.Volume, *paths: str) -> None:
    target.prepare(planned(*paths))
    for path in paths:
        (target.staging / path).parent.mkdir(parents=True, exist_ok=True)
        (target.staging / path).write_text("new")


def test_a_placed_artifact_is_found_again_with_its_report(tmp_path: pathlib.Path) -> None:
    target = volume.Volume(tmp_path)
    stage(target, "MLmodel", "data/model.pkl")
    target.place("s3://b/p/", DONE)
    assert (tmp_path / "MLmodel").read_text() == (tmp_path / "data/model.pkl").read_text() == "new"
    assert target.find_finished("s3://b/p/") == DONE


def test_an_artifact_of_another_source_does_not_count(tmp_path: pathlib.Path) -> None:
    target = volume.Volume(tmp_path)
    stage(target, "MLmodel")
    target.place("s3://b/p/", DONE)
    assert target.find_finished("s3://b/q/") is None


def test_a_pull_that_broke_off_while_it_was_placed_is_done_again_over_its_remains(tmp_path: pathlib.Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old").write_text("old")
    (tmp_path / "code").write_text("a file where a directory comes")
    target = volume.Volume(tmp_path)
    assert target.find_finished("s3://b/p/") is None
    stage(target, "MLmodel", "data/model.pkl", "code/x.py")
    target.place("s3://b/p/", DONE)
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["model.pkl"]
    assert (tmp_path / "code/x.py").is_file()


def test_what_a_pull_that_broke_off_had_put_in_place_takes_no_room(tmp_path: pathlib.Path) -> None:
    target = volume.Volume(tmp_path)
    stage(target, "MLmodel", "data/model.pkl")
    target.place(SOURCE, DONE)
    (tmp_path / ".podium/finished.json").unlink()
    target.prepare(planned("MLmodel", "data/model.pkl"))
    assert [entry.name for entry in tmp_path.iterdir()] == [".podium"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "s3://b/p/"}', '{"source": "s3://b/p/", "x": 1}'])
def test_a_broken_memory_counts_as_none(tmp_path: pathlib.Path, content: str) -> None:
    target = volume.Volume(tmp_path)
    stage(target, "MLmodel")
    target.place("s3://b/p/", DONE)
    (tmp_path / ".podium/finished.json").write_text(content)
    assert target.find_finished("s3://b/p/") is None


def test_an_artifact_that_the_volume_cannot_hold_is_refused_before_a_byte_moves(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.NoRoom, match="bytes, but the volume") as caught:
        volume.Volume(tmp_path).prepare(planned("MLmodel", size=1 << 60))
    assert caught.value.reason == names.PullReason.TOO_LARGE_FOR_DISK


def test_a_volume_that_cannot_be_written_is_told_as_such(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.NoRoom, match="cannot be written") as caught:
        volume.Volume(tmp_path / "file").prepare(planned("MLmodel"))
    assert caught.value.reason == names.PullReason.DISK_FAILED


def test_what_an_earlier_run_has_brought_is_kept_and_nothing_else(tmp_path: pathlib.Path) -> None:
    target, files = volume.Volume(tmp_path), planned("MLmodel", "data/weights", "old/x")
    record = target.prepare(files)
    for file in files.files:
        (target.staging / file.path).parent.mkdir(parents=True, exist_ok=True)
        (target.staging / file.path).write_text("new")
    for file in files.files[1:]:
        record.note_block(file, 0, b"digest")
    again = volume.Volume(tmp_path).prepare(planned("MLmodel", "data/weights"))
    assert [str(p.relative_to(target.staging)) for p in sorted(target.staging.rglob("*"))] == ["data", "data/weights"]
    assert again.find_blocks(files.files[1]) == {0: b"digest"}


def test_what_was_brought_of_another_source_is_removed(tmp_path: pathlib.Path) -> None:
    target, files = volume.Volume(tmp_path), planned("MLmodel")
    target.prepare(planned("MLmodel", bucket="other")).note_block(files.files[0], 0, b"digest")
    (target.staging / "MLmodel").write_text("new")
    assert volume.Volume(tmp_path).prepare(files).find_blocks(files.files[0]) == {}
    assert list(target.staging.iterdir()) == []


def test_a_placed_artifact_leaves_no_journal(tmp_path: pathlib.Path) -> None:
    target = volume.Volume(tmp_path)
    stage(target, "MLmodel")
    target.place(SOURCE, DONE)
    assert sorted(p.name for p in (tmp_path / ".podium").iterdir()) == ["finished.json", "staging"]
