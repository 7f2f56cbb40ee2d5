"""Who is written into the history."""

import getpass

import flask
import pytest

from podium import names
from podium.mlflow_plugin import actor, server
from podium.registry.model import entities


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
        assert actor.current(nobody) == expected


def test_the_user_whom_mlflow_authenticated_is_verified_whatever_the_headers_say(application: flask.Flask) -> None:
    with application.test_request_context(headers={"X-Forwarded-User": "mallory"}):
        flask.g.mlflow_authenticated_user = "ann"
        assert actor.current(nobody) == entities.Actor("ann", "mlflow-auth", verified=True)


def test_a_client_that_writes_itself_is_whom_it_is_told_to_be() -> None:
    ann = entities.Actor("ann", "kubernetes", verified=True)
    assert actor.current(lambda: ann) == ann


def test_the_operating_systems_user_is_unverified() -> None:
    assert actor.of_operating_system() == entities.Actor(getpass.getuser(), "mlflow-client")


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
        assert actor.current(nobody) == expected


def test_mlflows_authentication_counts_before_the_proxy(
    application: flask.Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(names.ENV_TRUSTED_USER_HEADER, "X-Forwarded-User")
    with application.test_request_context(headers={"X-Forwarded-User": "bob"}):
        flask.g.mlflow_authenticated_user = "ann"
        assert actor.current(nobody) == entities.Actor("ann", "mlflow-auth", verified=True)


def test_a_server_outside_of_a_request_names_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.BACKEND_STORE, "sqlite:///mlflow.db")
    assert actor.current(nobody) == entities.Actor("", "mlflow-server")
