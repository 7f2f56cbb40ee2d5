"""The deployments client where no cluster helps: its errors are MLflow's, and say what to do."""

import collections.abc
import json
import pathlib

import pytest
from mlflow import deployments, exceptions

from podium.mlflow_plugin import deployment_plan
from podium.mlflow_plugin import deployments as plugin
from tests.support import scriptedserver


@pytest.fixture
def bare_cluster(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[None]:
    """The kubeconfig of a cluster without Podium's CRDs: so an API server answers for a group that it does not know."""
    with scriptedserver.Server(404, b"404 page not found\n").running() as server:
        cluster = {"server": server.url}
        context = {"cluster": "c", "user": "u", "namespace": "models"}
        config = {
            "current-context": "one",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "one", "context": context}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield


def test_a_cluster_without_the_crds_is_told_from_a_deployment_that_is_missing(bare_cluster: None) -> None:
    client = deployments.get_deploy_client("podium")
    for call in (
        lambda: client.create_deployment("iris", "models:/iris@champion"),
        lambda: client.get_deployment("iris"),
        client.list_deployments,
    ):
        with pytest.raises(exceptions.MlflowException, match="knows no ModelAlias: install Podium's chart") as caught:
            call()
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_without_a_cluster_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(exceptions.MlflowException, match="no cluster to connect to") as caught:
        deployments.get_deploy_client("podium").list_deployments()
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"


def test_a_target_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(exceptions.MlflowException, match="write podium, podium://NAMESPACE") as caught:
        deployments.get_deploy_client("podium:/models")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_endpoints_and_local_runs_are_refused_with_what_to_do_instead() -> None:
    client = deployments.get_deploy_client("podium")
    for method in ("create_endpoint", "update_endpoint", "delete_endpoint", "list_endpoints", "get_endpoint"):
        with pytest.raises(exceptions.MlflowException, match="use --name") as caught:
            getattr(client, method)("e") if method != "list_endpoints" else client.list_endpoints()
        assert caught.value.error_code == "NOT_IMPLEMENTED"
    with pytest.raises(exceptions.MlflowException, match="mlflow models serve"):
        deployments.run_local("podium", "iris", "models:/iris/1")


def test_help_names_every_key() -> None:
    text = plugin.target_help()
    for kind in ("ModelAlias", "ModelVersion"):
        assert all(f"  {key}\n" in text for key in deployment_plan.known_keys(kind))
