"""The runtime is a seam: with another one pods, Service, probes and addresses follow, and nothing else changes."""

from podium import names
from podium.manifest import Manifest
from podium.workload import children, version
from podium.workload.runtimes import protocol
from tests.unit.workload import factories
from tests.unit.workload.runtimes import plain

PLAIN: protocol.Runtime = plain.Plain()


def built(kind: str, **spec: object) -> Manifest:
    outcome = version.decide(factories.world(spec=factories.spec(**spec), runtime=PLAIN))
    return next(child for child in outcome.children if child["kind"] == kind)


def server(**spec: object) -> Manifest:
    (container,) = built("Deployment", **spec)["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_the_container_runs_the_other_program() -> None:
    container = server()
    assert container["image"] == f"{factories.DEFAULTS.server_image}-plain"
    assert "command" not in container
    assert container["args"] == ["--model", "/model"]
    assert container["env"] == [{"name": "MODEL", "value": "iris"}, {"name": "LEVEL", "value": "info"}]
    assert container["ports"] == [{"name": "http", "containerPort": 9000, "protocol": "TCP"}]


def test_a_users_variable_wins_over_the_runtimes() -> None:
    mine = {"name": "LEVEL", "value": "debug"}
    assert server(runtime={"env": [mine]})["env"] == [{"name": "MODEL", "value": "iris"}, mine]


def test_each_probe_asks_its_own_path_as_patiently_as_the_spec_says() -> None:
    container = server(probes={"startup": {"failureThreshold": 900}})
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/started", "readiness": "/ready", "liveness": "/alive"}
    assert container["startupProbe"]["failureThreshold"] == 900


def test_pods_end_as_the_runtime_needs_it() -> None:
    template = built("Deployment")["spec"]["template"]["spec"]
    assert template["terminationGracePeriodSeconds"] == 20
    assert template["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_what_pod_security_and_the_puller_need_stays() -> None:
    template = built("Deployment")["spec"]["template"]["spec"]
    assert template["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert [container["name"] for container in template["initContainers"]] == [names.PULLER_CONTAINER]


def test_the_service_leads_to_the_other_port() -> None:
    assert built("Service")["spec"]["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 9000}]


def test_the_url_has_the_other_path() -> None:
    assert children.build_url(factories.METADATA, None, PLAIN.paths.invocations) == "http://iris-v1.models.svc/predict"
