"""Requests to a deployed model, over a real socket."""

import json
from typing import Any

import numpy
import pandas
import pytest
from kubernetes.client import configuration as configurations

from podium import errors, names
from podium.kube import objects, session
from podium.mlflow_plugin import deployment_calls as calls
from tests.support import httpserver

Answer = tuple[int, str, bool]
"""Status, body, and whether it bears the mark of a model's server."""


class Server(httpserver.Server):
    """Gives one answer after the other, the last one for good, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(Handler)
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(httpserver.Handler):
    server: Server

    def respond(self, body: bytes) -> None:
        self.server.asked.append((self.headers["Host"], self.path, json.loads(body)))
        status, text, is_marked = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        mark = {names.MODEL_VERSION_HEADER: "3"} if is_marked else {}
        self.answer(status, {"Content-Type": "application/json", **mark}, text.encode())


def deployment(**spec: Any) -> dict[str, Any]:
    return {"kind": "ModelAlias", "metadata": {"name": "iris", "namespace": "models"}, "spec": spec}


def cluster(address: str) -> objects.Objects:
    configuration = configurations.Configuration()
    configuration.host = f"http://{address}"
    return objects.Objects(session.Session(configuration), "models", "tests")


AT_INGRESS = deployment(ingress={"host": "iris.example.com", "path": "/v1"})
ROWS = {"inputs": [[1.0]]}
GOOD: Answer = (200, '{"predictions": [1]}', True)


def test_a_request_goes_through_the_ingress_under_the_deployments_host() -> None:
    with Server(GOOD).running() as server:
        text = calls.ask(cluster(server.address), AT_INGRESS, ROWS, server.address)
        again = calls.ask(cluster(server.address), AT_INGRESS, ROWS, f"http://{server.address}/")
    assert json.loads(text) == json.loads(again) == {"predictions": [1]}
    assert server.asked == [("iris.example.com", "/v1/invocations", ROWS)] * 2


def test_a_request_goes_through_the_api_servers_proxy_where_there_is_no_ingress() -> None:
    with Server(GOOD).running() as server:
        text = calls.ask(cluster(server.address), deployment(), ROWS, None)
    assert json.loads(text) == {"predictions": [1]}
    [(_, path, body)] = server.asked
    assert path == "/api/v1/namespaces/models/services/iris:http/proxy/invocations"
    assert body == ROWS


@pytest.mark.parametrize("early", [(404, "default backend", False), (503, "<html>", False), (200, "{}", False)])
def test_what_was_not_answered_by_the_model_is_asked_again(early: Answer) -> None:
    with Server(early, GOOD).running() as server:
        text = calls.ask(cluster(server.address), AT_INGRESS, ROWS, server.address)
    assert json.loads(text) == {"predictions": [1]}
    assert len(server.asked) == 2


@pytest.mark.parametrize("obj", [AT_INGRESS, deployment()], ids=["ingress", "API server"])
def test_what_the_model_refuses_is_raised_with_its_sentence_and_not_repeated(obj: dict[str, Any]) -> None:
    with (
        Server((400, '{"error_code": "BAD_REQUEST", "message": "3 columns are missing"}', True)).running() as server,
        pytest.raises((errors.InvalidInput, errors.KubeInvalid), match="3 columns are missing"),
    ):
        calls.ask(cluster(server.address), obj, ROWS, server.address)
    assert len(server.asked) == 1


def test_a_host_that_no_dns_knows_is_told_with_the_way_around() -> None:
    obj = deployment(ingress={"host": "iris.invalid"})
    with pytest.raises(errors.KubeUnavailable, match=r"ingress=ADDRESS"):
        calls.ask(cluster("127.0.0.1:9"), obj, ROWS, None)


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
    assert calls.body_of(inputs) == body


def test_a_single_number_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="a table, an array, a list or a dictionary"):
        calls.body_of(3)
