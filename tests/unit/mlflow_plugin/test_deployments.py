"""The deployments client: errors are MLflow's and say what to do; requests reach a model over a real socket."""

import collections.abc
import contextlib
import dataclasses
import json
import pathlib
from typing import Any

import numpy
import pandas
import pytest
from kubernetes.client import configuration as configurations
from mlflow import deployments as mlflow_deployments
from mlflow import exceptions

from podium import errors, names
from podium.kube import objects, session
from podium.mlflow_plugin import deployments, manifests
from tests.support import httpserver


@pytest.fixture
def bare_cluster(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[None]:
    """The kubeconfig of a cluster without Podium's CRDs: so an API server answers for a group that it does not know."""
    with httpserver.Server(httpserver.answer(404, b"404 page not found\n")).running() as server:
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
    client = mlflow_deployments.get_deploy_client("podium")
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
        mlflow_deployments.get_deploy_client("podium").list_deployments()
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"


def test_a_target_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(exceptions.MlflowException, match="write podium, podium://NAMESPACE") as caught:
        mlflow_deployments.get_deploy_client("podium:/models")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_endpoints_and_local_runs_are_refused_with_what_to_do_instead() -> None:
    client = mlflow_deployments.get_deploy_client("podium")
    for method in ("create_endpoint", "update_endpoint", "delete_endpoint", "list_endpoints", "get_endpoint"):
        with pytest.raises(exceptions.MlflowException, match="use --name") as caught:
            getattr(client, method)("e") if method != "list_endpoints" else client.list_endpoints()
        assert caught.value.error_code == "NOT_IMPLEMENTED"
    with pytest.raises(exceptions.MlflowException, match="mlflow models serve"):
        mlflow_deployments.run_local("podium", "iris", "models:/iris/1")


def test_help_names_every_key() -> None:
    text = deployments.target_help()
    for kind in ("ModelAlias", "ModelVersion"):
        assert all(f"  {key}\n" in text for key in manifests.known_keys(kind))


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a request is answered; only a model's server puts its mark on it."""

    status: int
    content: str
    is_marked: bool = False

    @property
    def act(self) -> httpserver.Act:
        mark = {names.MODEL_VERSION_HEADER: "3"} if self.is_marked else {}
        return httpserver.answer(self.status, self.content.encode(), {"Content-Type": "application/json", **mark})


def answering(*answers: Answer) -> contextlib.AbstractContextManager[httpserver.Server]:
    """A server that gives one answer after another, the last one for good."""
    return httpserver.Server(httpserver.one_after_another(*(each.act for each in answers))).running()


def asked(server: httpserver.Server) -> list[tuple[str, str, Any]]:
    """Host, path and body of each request."""
    return [(each.headers["host"], each.path, json.loads(each.body)) for each in server.asked]


def deployment(**spec: Any) -> dict[str, Any]:
    return {"kind": "ModelAlias", "metadata": {"name": "iris", "namespace": "models"}, "spec": spec}


def cluster(address: str) -> objects.Objects:
    configuration = configurations.Configuration()
    configuration.host = f"http://{address}"
    return objects.Objects(session.Session(configuration), "models", "tests")


AT_INGRESS = deployment(ingress={"host": "iris.example.com", "path": "/v1"})
ROWS = {"inputs": [[1.0]]}
GOOD = Answer(200, '{"predictions": [1]}', is_marked=True)


def test_a_request_goes_through_the_ingress_under_the_deployments_host() -> None:
    with answering(GOOD) as server:
        text = deployments.ask_model(cluster(server.address), AT_INGRESS, ROWS, server.address)
        again = deployments.ask_model(cluster(server.address), AT_INGRESS, ROWS, f"http://{server.address}/")
    assert json.loads(text) == json.loads(again) == {"predictions": [1]}
    assert asked(server) == [("iris.example.com", "/v1/invocations", ROWS)] * 2


def test_a_request_goes_through_the_api_servers_proxy_where_there_is_no_ingress() -> None:
    with answering(GOOD) as server:
        text = deployments.ask_model(cluster(server.address), deployment(), ROWS, None)
    assert json.loads(text) == {"predictions": [1]}
    [(_, path, body)] = asked(server)
    assert path == "/api/v1/namespaces/models/services/iris:http/proxy/invocations"
    assert body == ROWS


@pytest.mark.parametrize("early", [Answer(404, "default backend"), Answer(503, "<html>"), Answer(200, "{}")])
def test_what_was_not_answered_by_the_model_is_asked_again(early: Answer) -> None:
    with answering(early, GOOD) as server:
        text = deployments.ask_model(cluster(server.address), AT_INGRESS, ROWS, server.address)
    assert json.loads(text) == {"predictions": [1]}
    assert len(server.seen) == 2


@pytest.mark.parametrize("obj", [AT_INGRESS, deployment()], ids=["ingress", "API server"])
def test_what_the_model_refuses_is_raised_with_its_sentence_and_not_repeated(obj: dict[str, Any]) -> None:
    with (
        answering(Answer(400, '{"error_code": "BAD_REQUEST", "message": "3 columns are missing"}', True)) as server,
        pytest.raises((errors.InvalidInput, errors.KubeInvalid), match="3 columns are missing"),
    ):
        deployments.ask_model(cluster(server.address), obj, ROWS, server.address)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [500, 504])
@pytest.mark.parametrize("obj", [AT_INGRESS, deployment()], ids=["ingress", "API server"])
def test_an_error_of_the_model_is_raised_as_one_and_not_repeated(obj: dict[str, Any], status: int) -> None:
    with (
        answering(Answer(status, '{"error_code": "INTERNAL_ERROR", "message": "predict raised"}', True)) as server,
        pytest.raises(exceptions.MlflowException, match=f"the model answered {status}: predict raised") as caught,
    ):
        deployments.ask_model(cluster(server.address), obj, ROWS, server.address)
    assert caught.value.error_code == "INTERNAL_ERROR"
    assert len(server.seen) == 1


def test_a_host_that_no_dns_knows_is_told_with_the_way_around() -> None:
    obj = deployment(ingress={"host": "iris.invalid"})
    with pytest.raises(errors.KubeUnavailable, match=r"ingress=ADDRESS"):
        deployments.ask_model(cluster("127.0.0.1:9"), obj, ROWS, None)


@pytest.mark.parametrize(
    ("inputs", "body"),
    [
        pytest.param(
            pandas.DataFrame([[1, 2.5]], columns=["a", "b"]),
            {"dataframe_split": {"index": [0], "columns": ["a", "b"], "data": [[1, 2.5]]}},
            id="a table",
        ),
        pytest.param(numpy.array([[1, 2]]), {"inputs": [[1, 2]]}, id="an array"),
        pytest.param([[1, 2]], {"inputs": [[1, 2]]}, id="a list"),
        pytest.param({"a": numpy.array([1])}, {"inputs": {"a": [1]}}, id="inputs by name"),
        pytest.param({"instances": [1]}, {"instances": [1]}, id="a whole body"),
    ],
)
def test_inputs_are_taken_as_mlflow_takes_them(inputs: Any, body: dict[str, Any]) -> None:
    assert deployments.build_body(inputs) == body


def test_a_single_number_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="a table, an array, a list or a dictionary"):
        deployments.build_body(3)
