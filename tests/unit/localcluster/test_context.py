"""Which cluster the tests may touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcluster import context, failure, layout


@pytest.fixture
def places(tmp_path: Path) -> layout.Layout:
    return layout.Layout(tmp_path)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize("given", [False, True], ids=["KUBECONFIG is unset", "KUBECONFIG is the local cluster's"])
def test_the_cluster_made_here_is_used(places: layout.Layout, given: bool) -> None:
    touch(places.kubeconfig)
    environment = {"KUBECONFIG": str(places.kubeconfig)} if given else {}
    assert context.target(places, environment) == (places.kubeconfig, "podium-local")


def test_the_kind_cluster_made_here_is_used(places: layout.Layout) -> None:
    touch(places.kind_kubeconfig)
    assert context.target(places, {}) == (places.kind_kubeconfig, "kind-podium")


def test_a_foreign_kubeconfig_is_refused_with_what_to_do(places: layout.Layout, tmp_path: Path) -> None:
    touch(places.kubeconfig)
    with pytest.raises(failure.ForeignCluster, match="PODIUM_TEST_CONTEXT"):
        context.target(places, {"KUBECONFIG": str(touch(tmp_path / "production"))})


def test_a_copy_of_our_context_name_does_not_make_a_foreign_kubeconfig_ours(
    places: layout.Layout, tmp_path: Path
) -> None:
    foreign = touch(tmp_path / "foreign")
    foreign.write_text('{"current-context": "podium-local"}')
    with pytest.raises(failure.ForeignCluster):
        context.target(places, {"KUBECONFIG": str(foreign)})


def test_several_kubeconfigs_at_once_are_refused(places: layout.Layout, tmp_path: Path) -> None:
    both = f"{touch(places.kubeconfig)}:{touch(tmp_path / 'production')}"
    with pytest.raises(failure.ForeignCluster):
        context.target(places, {"KUBECONFIG": both})


def test_a_context_named_on_purpose_is_believed(places: layout.Layout, tmp_path: Path) -> None:
    environment = {"KUBECONFIG": str(tmp_path / "mine"), "PODIUM_TEST_CONTEXT": "scratch"}
    assert context.target(places, environment) == (tmp_path / "mine", "scratch")


def test_no_cluster_at_all_says_how_to_start_one(places: layout.Layout) -> None:
    with pytest.raises(failure.ClusterError, match="python3 hack/localcluster up"):
        context.target(places, {})
