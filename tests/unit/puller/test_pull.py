"""One pull from end to end, from a store that is not S3: the store is a seam, and all else is the puller's."""

import dataclasses
import pathlib

import pytest

from podium import errors, names
from podium.puller import pull, report, settings
from tests.unit.puller import conftest, folder


def run(chosen: settings.Settings, store: folder.Folder) -> report.Success:
    return pull.run(chosen, {"folder": store.open})


def test_every_file_arrives_byte_for_byte_with_the_figures_in_the_report(
    chosen: settings.Settings, store: folder.Folder
) -> None:
    success = run(chosen, store)
    found = {str(p.relative_to(chosen.model_dir)): p.read_bytes() for p in chosen.model_dir.rglob("*") if p.is_file()}
    found.pop(".podium/finished.json")
    assert found == conftest.FILES
    assert (success.files, success.bytes) == (4, sum(map(len, conftest.FILES.values())))


def test_a_finished_pull_is_found_again_without_opening_a_store(
    chosen: settings.Settings, store: folder.Folder
) -> None:
    assert run(chosen, store) == run(chosen, store)
    assert store.opened == ["folder://store/iris/3/"]


def test_the_digest_is_of_paths_and_bytes_and_not_of_the_store(
    chosen: settings.Settings, store: folder.Folder, tmp_path: pathlib.Path
) -> None:
    other = folder.Folder(store.root, states_checksums=False)
    again = dataclasses.replace(chosen, model_dir=tmp_path / "again")
    assert run(chosen, store).digest == run(again, other).digest


def test_another_digest_than_the_expected_one_is_refused_and_nothing_is_placed(
    chosen: settings.Settings, store: folder.Folder
) -> None:
    with pytest.raises(errors.ArtifactChanged, match="but sha256:other is recorded of this version") as caught:
        run(dataclasses.replace(chosen, expected_digest="sha256:other"), store)
    assert caught.value.reason == names.PullReason.DIGEST_MISMATCH
    assert not (chosen.model_dir / "MLmodel").exists()


def test_the_expected_digest_is_accepted(chosen: settings.Settings, store: folder.Folder) -> None:
    found = run(chosen, store).digest
    assert run(dataclasses.replace(chosen, expected_digest=found), store).digest == found


def test_a_scheme_that_no_store_has_is_refused(chosen: settings.Settings, store: folder.Folder) -> None:
    with pytest.raises(errors.SourceInvalid, match=r"only folder://bucket/prefix is offered"):
        run(dataclasses.replace(chosen, source="s3://models/iris/3"), store)
