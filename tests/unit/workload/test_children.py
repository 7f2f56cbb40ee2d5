"""The objects of a ModelVersion."""

from typing import Any

import pytest

from podium import names
from podium.api import common
from podium.workload import children, labels, version
from tests.unit.workload import factories

OWNER = factories.METADATA


def ingress(**fields: Any) -> common.Ingress:
    return common.Ingress.model_validate({"host": "iris.example.com"} | fields)


def test_three_pods_are_the_default_and_the_new_ones_come_before_the_old_ones_go() -> None:
    outcome = version.decide(factories.world())
    spec = next(child for child in outcome.children if child["kind"] == "Deployment")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert spec["selector"] == {"matchLabels": labels.selector("iris-v1")}


def test_a_deployment_has_as_many_pods_as_asked_for_even_none() -> None:
    outcome = version.decide(factories.world(spec=factories.spec(replicas=0)))
    built = next(child for child in outcome.children if child["kind"] == "Deployment")
    assert built["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        pytest.param({}, 600 + 300 + 60, id="the defaults"),
        pytest.param({"puller": {"timeout": "1500ms"}}, 2 + 300 + 60, id="a short pull"),
        pytest.param({"probes": {"startup": {"periodSeconds": 10}}}, 600 + 3000 + 60, id="a slow model"),
    ],
)
def test_pods_have_the_time_of_one_pull_and_one_load(fields: dict[str, Any], seconds: int) -> None:
    built = children.build_deployment(OWNER, "1-abc", {"spec": {}}, factories.spec(**fields), 3)
    assert built["spec"]["progressDeadlineSeconds"] == seconds


def test_a_service_leads_from_80_to_8080() -> None:
    built = children.build_service(OWNER, names.MODEL_VERSION_KIND, {"a": "b"}, 8080)
    assert built["spec"]["selector"] == {"a": "b"}
    assert built["spec"]["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]


def test_an_ingress_leads_to_the_service_of_the_same_name() -> None:
    asked = ingress(className="nginx", path="/iris", annotations={"a": "b"}, tls={"secretName": "cert"})
    built = children.build_ingress(OWNER, names.MODEL_VERSION_KIND, asked)
    backend = {"service": {"name": "iris-v1", "port": {"name": "http"}}}
    assert built["metadata"]["annotations"] == {"a": "b"}
    assert built["spec"] == {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "iris.example.com",
                "http": {"paths": [{"path": "/iris", "pathType": "Prefix", "backend": backend}]},
            }
        ],
        "tls": [{"hosts": ["iris.example.com"], "secretName": "cert"}],
    }


def test_an_ingress_without_a_class_leaves_the_choice_to_the_cluster() -> None:
    assert "ingressClassName" not in children.build_ingress(OWNER, names.MODEL_VERSION_KIND, ingress())["spec"]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "http://iris.example.com/invocations"),
        ({"path": "/models/iris"}, "http://iris.example.com/models/iris/invocations"),
        ({"path": "/iris/"}, "http://iris.example.com/iris/invocations"),
        ({"path": "/invocations", "pathType": "Exact"}, "http://iris.example.com/invocations"),
        ({"tls": {"secretName": "cert"}}, "https://iris.example.com/invocations"),
    ],
)
def test_the_url_is_where_a_client_posts_to(fields: dict[str, Any], url: str) -> None:
    assert children.build_url(OWNER, ingress(**fields), "/invocations") == url


def test_without_an_ingress_the_url_leads_to_the_service() -> None:
    assert children.build_url(OWNER, None, "/invocations") == "http://iris-v1.models.svc/invocations"


def test_the_frozen_template_is_named_by_its_intent() -> None:
    built = children.build_frozen_template(OWNER, "1-abc", {"spec": {}}, 4)
    assert (built["metadata"]["name"], built["data"], built["revision"]) == ("iris-v1-1-abc", {"spec": {}}, 4)
    assert built["metadata"]["annotations"] == {names.INTENT_ANNOTATION: "1-abc"}


def test_a_deployment_keeps_two_older_replicasets_and_a_service_has_an_address_in_the_cluster_only() -> None:
    deployment = children.build_deployment(OWNER, "1-abc", {"spec": {}}, factories.spec(), 3)
    assert deployment["spec"]["revisionHistoryLimit"] == 2
    service = children.build_service(OWNER, names.MODEL_VERSION_KIND, {"a": "b"}, 8080)
    assert service["spec"]["type"] == "ClusterIP"


def test_an_ingress_is_of_the_api_that_controllers_watch() -> None:
    built = children.build_ingress(OWNER, names.MODEL_VERSION_KIND, ingress())
    assert (built["apiVersion"], built["kind"]) == ("networking.k8s.io/v1", "Ingress")
