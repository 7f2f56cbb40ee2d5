"""What a worker of a tracking server knows: its configuration, and who is written into the history."""

import getpass
import pathlib
import re

import flask
import mlflow
import pytest

from podium import names
from podium.mlflow_plugin import server
from podium.registry.model import entities


def test_the_variables_are_those_that_mlflow_sets_for_its_workers() -> None:
    text = (pathlib.Path(mlflow.__file__).parent / "server/constants.py").read_text()
    values = dict(re.findall(r'^(\w+) = "(\w+)"$', text, re.MULTILINE))
    assert values["BACKEND_STORE_URI_ENV_VAR"] == server.BACKEND_STORE
    assert values["ARTIFACTS_DESTINATION_ENV_VAR"] == server.ARTIFACTS_DESTINATION
    assert values["SERVE_ARTIFACTS_ENV_VAR"] == server.SERVES_ARTIFACTS


def test_a_server_that_serves_no_artifacts_has_no_destination() -> None:
    env = {server.BACKEND_STORE: "sqlite:///a.db", server.ARTIFACTS_DESTINATION: "s3://b"}
    assert server.artifacts_destination(env) is None
    assert server.artifacts_destination(env | {server.SERVES_ARTIFACTS: "true"}) == "s3://b"


def test_a_destination_that_clients_reach_through_the_server_only_is_on_s3_for_pullers() -> None:
    env = {server.SERVES_ARTIFACTS: "true", server.ARTIFACTS_DESTINATION: "s3-proxied://bucket/podium"}
    assert server.artifacts_destination(env) == "s3://bucket/podium"


def nobody() -> entities.Actor:
    raise AssertionError("the process was asked for, not the request")


@pytest.fixture
def application() -> flask.Flask:
    """As MLflow's server, in whose requests the store runs."""
    return flask.Flask("tracking")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, entities.Actor("", "mlflow-server"), id="nobody says who"),
        pytest.param(
            {"Authorization": "Basic YW5uOnB3"},
            entities.Actor("ann", "basic-user"),
            id="a Basic user that none checked",
        ),
        pytest.param({"X-Forwarded-User": "bob"}, entities.Actor("bob", "x-forwarded-user"), id="a proxy's header"),
        pytest.param({"Authorization": "Bearer abc"}, entities.Actor("", "mlflow-server"), id="a token names nobody"),
        pytest.param(
            {"Authorization": "Basic YW5uOnB3", "X-Forwarded-User": "bob"},
            entities.Actor("ann", "basic-user"),
            id="the Basic user before the proxy's header",
        ),
    ],
)
def test_a_name_from_a_header_is_not_verified(
    application: flask.Flask, headers: dict[str, str], expected: entities.Actor
) -> None:
    with application.test_request_context(headers=headers):
        assert server.find_actor(nobody) == expected


def test_the_user_whom_mlflow_authenticated_is_verified_whatever_the_headers_say(application: flask.Flask) -> None:
    with application.test_request_context(headers={"X-Forwarded-User": "mallory"}):
        flask.g.mlflow_authenticated_user = "ann"
        assert server.find_actor(nobody) == entities.Actor("ann", "mlflow-auth", verified=True)


def test_a_client_that_writes_itself_is_whom_it_is_told_to_be() -> None:
    ann = entities.Actor("ann", "kubernetes", verified=True)
    assert server.find_actor(lambda: ann) == ann


def test_the_operating_systems_user_is_unverified() -> None:
    assert server.read_system_user() == entities.Actor(getpass.getuser(), "mlflow-client")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {"X-Auth-User": "ann", "X-Forwarded-User": "bob", "Authorization": "Basic Y2FybDpwdw=="},
            entities.Actor("ann", "trusted-proxy", verified=True),
            id="what the proxy says counts before everything that anybody can write",
        ),
        pytest.param({"x-auth-user": "ann"}, entities.Actor("ann", "trusted-proxy", verified=True), id="in any case"),
        pytest.param(
            {"X-Forwarded-User": "bob"}, entities.Actor("bob", "x-forwarded-user"), id="past the proxy, another header"
        ),
        pytest.param({"X-Auth-User": ""}, entities.Actor("", "mlflow-server"), id="a proxy that knows nobody"),
        pytest.param(
            {"X-Auth-User": "mallory,ann"}, entities.Actor("mallory,ann", "trusted-proxy"), id="a header sent twice"
        ),
    ],
)
def test_a_name_from_the_proxy_is_verified_where_the_servers_operator_says_so(
    application: flask.Flask, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], expected: entities.Actor
) -> None:
    monkeypatch.setenv(names.ENV_TRUSTED_USER_HEADER, "X-Auth-User")
    with application.test_request_context(headers=headers):
        assert server.find_actor(nobody) == expected


def test_mlflows_authentication_counts_before_the_proxy(
    application: flask.Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(names.ENV_TRUSTED_USER_HEADER, "X-Forwarded-User")
    with application.test_request_context(headers={"X-Forwarded-User": "bob"}):
        flask.g.mlflow_authenticated_user = "ann"
        assert server.find_actor(nobody) == entities.Actor("ann", "mlflow-auth", verified=True)


def test_a_server_outside_of_a_request_names_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.BACKEND_STORE, "sqlite:///mlflow.db")
    assert server.find_actor(nobody) == entities.Actor("", "mlflow-server")
