"""What a worker of a tracking server knows of itself."""

import pathlib
import re

import mlflow

from podium.mlflow_plugin import server


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
