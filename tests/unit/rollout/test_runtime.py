"""A ModelAlias whose versions are served by another runtime than MLflow's."""

import datetime

from podium.rollout import actions
from podium.workload.runtimes import protocol
from tests.unit.rollout import simulator
from tests.unit.workload.runtimes import plain


def served_by(runtime: protocol.Runtime, **fields: object) -> simulator.Cluster:
    cluster = simulator.Cluster(template={"replicas": 1}, **fields)
    cluster.runtime = runtime
    cluster.designate(1)
    return cluster


def test_service_and_url_follow_the_runtime() -> None:
    cluster = served_by(plain.Plain())
    cluster.settle()
    services = [
        action.manifest
        for action in cluster.pass_once().actions
        if isinstance(action, actions.Apply) and action.manifest["kind"] == "Service"
    ]
    assert [service["spec"]["ports"][0]["targetPort"] for service in services] == [9000]
    assert cluster.status.url == "http://champion.models.svc/predict"


def test_behind_an_ingress_the_url_has_the_runtimes_path() -> None:
    cluster = served_by(plain.Plain(), ingress={"host": "iris.example.com", "path": "/v1"})
    cluster.settle()
    assert cluster.status.url == "http://iris.example.com/v1/predict"


def test_a_version_that_is_never_ready_is_told_with_the_path_that_has_to_answer() -> None:
    cluster = served_by(plain.Plain(), rollout={"progressDeadline": "1s"})
    cluster.pass_once()
    cluster.now += datetime.timedelta(seconds=2)
    cluster.pass_once()
    assert cluster.status.failed is not None
    assert "the server must answer /ready with 200" in cluster.status.failed.message
