"""The model's volume: a whole artifact or none."""

import pathlib

import pytest

from podium import errors, names
from podium.puller import report, volume

DONE = report.Success("sha256:00", 3, 2, 0.1)


def stage(target: volume.Volume, *paths: str) -> None:
    target.prepare(3)
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


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "s3://b/p/"}', '{"source": "s3://b/p/", "x": 1}'])
def test_a_broken_memory_counts_as_none(tmp_path: pathlib.Path, content: str) -> None:
    target = volume.Volume(tmp_path)
    stage(target, "MLmodel")
    target.place("s3://b/p/", DONE)
    (tmp_path / ".podium/finished.json").write_text(content)
    assert target.find_finished("s3://b/p/") is None


def test_an_artifact_that_the_volume_cannot_hold_is_refused_before_a_byte_moves(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.NoRoom, match="bytes, but the volume") as caught:
        volume.Volume(tmp_path).prepare(1 << 60)
    assert caught.value.reason == names.PullReason.TOO_LARGE_FOR_DISK


def test_a_volume_that_cannot_be_written_is_told_as_such(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.NoRoom, match="cannot be written") as caught:
        volume.Volume(tmp_path / "file").prepare(1)
    assert caught.value.reason == names.PullReason.DISK_FAILED
