"""Who a process is, as the API server tells it: an administrator, and a ServiceAccount without any right."""

import pathlib
from typing import Any

import pytest
from kubernetes.client import configuration as configurations

from localcluster import context
from podium.kube import session
from podium.kube.registry import whoami
from podium.mlflow_plugin import store as mlflow_store
from podium.registry.model import entities
from tests.support import cluster

JOE = "joe"


@pytest.fixture(scope="module")
def token(api: cluster.Api, namespace: str) -> str:
    """A token of a ServiceAccount that nothing is granted to."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": JOE, "namespace": namespace}}
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    api.raw("POST", accounts, json=account)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    granted: str = api.raw("POST", f"{accounts}/{JOE}/token", json=asked)["status"]["token"]
    return granted


def test_an_administrator_is_known_by_the_certificate(
    target: context.Target, kubeconfig: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    actor = whoami.of_context(target.context)
    assert actor.user
    assert not actor.user.startswith("system:serviceaccount:")
    assert (actor.via, actor.verified) == ("kubernetes", True)


def test_a_service_account_is_known_by_its_token_whatever_it_may_do(
    target: context.Target, kubeconfig: pathlib.Path, namespace: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    administrator = session.Session.connect(target.context)._configuration
    chosen = configurations.Configuration()
    chosen.host, chosen.ssl_ca_cert = administrator.host, administrator.ssl_ca_cert
    chosen.api_key["authorization"] = f"Bearer {token}"
    expected = entities.Actor(f"system:serviceaccount:{namespace}:{JOE}", "kubernetes", verified=True)
    assert whoami.whoami(session.Session(chosen)) == expected


def test_an_mlflow_client_that_writes_itself_is_recorded_by_its_name_in_the_cluster(
    target: context.Target, kubeconfig: pathlib.Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    plugin: Any = mlflow_store.ConfigMapModelRegistryStore(f"configmap://{namespace}?context={target.context}")
    plugin.create_registered_model("iris")
    plugin.create_model_version("iris", "s3://models/iris/1")
    plugin.set_registered_model_alias("iris", "champion", 1)
    [move] = plugin._registry.aliases.history("iris")
    assert move.actor == whoami.of_context(target.context)
