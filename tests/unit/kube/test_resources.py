"""Paths of the API, and the resource of a manifest."""

import pytest

from podium.kube import resources


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(resources.PODS.path(), "/api/v1/pods", id="all of the core group"),
        pytest.param(resources.PODS.path("shop"), "/api/v1/namespaces/shop/pods", id="those of a namespace"),
        pytest.param(
            resources.DEPLOYMENTS.path("shop", "m"), "/apis/apps/v1/namespaces/shop/deployments/m", id="one of a group"
        ),
        pytest.param(
            resources.MODEL_ALIASES.path("shop", "champion", "status"),
            "/apis/podium.dev/v1beta1/namespaces/shop/modelaliases/champion/status",
            id="a subresource",
        ),
        pytest.param(
            resources.Resource("", "v1", "nodes", "Node", namespaced=False).path("ignored", "n"),
            "/api/v1/nodes/n",
            id="a cluster-scoped one",
        ),
    ],
)
def test_the_path_is_that_of_the_api(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("v1", "Service", resources.SERVICES),
        ("apps/v1", "Deployment", resources.DEPLOYMENTS),
        ("podium.dev/v1beta1", "ModelAlias", resources.MODEL_ALIASES),
        ("events.k8s.io/v1", "Event", resources.EVENTS),
    ],
)
def test_a_manifest_names_its_resource(api_version: str, kind: str, expected: resources.Resource) -> None:
    assert resources.of({"apiVersion": api_version, "kind": kind}) is expected


def test_the_same_kind_of_another_group_is_another_resource() -> None:
    with pytest.raises(KeyError):
        resources.of({"apiVersion": "serving.knative.dev/v1", "kind": "Service"})
