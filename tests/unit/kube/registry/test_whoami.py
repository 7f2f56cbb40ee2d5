"""Whoami: what is made of the API server's answers; the real one answers in tests/apiserver."""

import json

import pytest

from podium import errors
from podium.kube.registry import whoami
from podium.registry.model import entities
from tests.support import httpserver
from tests.unit.kube import sessions

REVIEW = {"status": {"userInfo": {"username": "system:serviceaccount:models:ci", "groups": ["system:authenticated"]}}}


def answered(status: int, body: object) -> entities.Actor:
    with httpserver.Server(httpserver.answer(status, json.dumps(body).encode())).running() as server:
        actor = whoami.whoami(sessions.connected(server))
        method, path, _, sent = server.asked[0]
        assert (method, path) == ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews")
        assert json.loads(sent) == {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        return actor


def test_the_name_that_the_api_server_tells_is_verified() -> None:
    assert answered(201, REVIEW) == entities.Actor("system:serviceaccount:models:ci", "kubernetes", verified=True)


def test_a_refusal_names_the_permission_that_is_missing() -> None:
    with pytest.raises(errors.Forbidden, match=r"'create' on resource 'selfsubjectreviews'.*system:basic-user"):
        answered(403, {"message": "selfsubjectreviews is forbidden"})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, {"message": "etcd is gone"}, id="a server that fails"),
        pytest.param(201, {"status": {}}, id="an answer without a user"),
        pytest.param(201, {"status": {"userInfo": {"username": ""}}}, id="a user without a name"),
        pytest.param(404, {"message": "no such API"}, id="a server without this API"),
    ],
)
def test_an_answer_that_names_nobody_is_no_actor(status: int, body: object) -> None:
    with pytest.raises(errors.Unavailable, match="does not say who you are"):
        answered(status, body)
