"""One cluster a machine: what runs is of one cache folder, and no other folder's commands touch it."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcluster import cluster, failure, layout


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    """What a running cluster says whose it is."""
    path = tmp_path / "owner"
    path.write_text(f"{tmp_path}/one/localcluster")
    return path


def test_another_cache_folders_cluster_is_refused_and_the_way_to_take_it_down_is_told(
    owner: Path, tmp_path: Path
) -> None:
    with pytest.raises(failure.ClusterError, match=f"PODIUM_CACHE={tmp_path}/one python3 hack/localcluster down"):
        cluster.refuse_another_cluster(layout.Layout(tmp_path / "other/localcluster"), owner)


def test_the_folders_own_cluster_or_none_is_no_reason_to_refuse(owner: Path, tmp_path: Path) -> None:
    own = layout.Layout(tmp_path / "one/localcluster")
    cluster.refuse_another_cluster(own, owner)
    owner.unlink()
    cluster.refuse_another_cluster(own, owner)
    assert not own.home.exists()
