"""The chart's lists of what models' pods may be made of, on a real API server."""

import collections.abc
import uuid
from typing import Any

import pytest
import yaml

from localcluster import context
from tests.apiserver.objects import create, manifest
from tests.support import cluster, guarded, helm

LISTS = {
    "images": "ghcr.io/acme/*,own:1",
    "buckets": "models",
    "serviceAccounts": "reader",
    "ingressAnnotations": "nginx.ingress.kubernetes.io/proxy-*",
}
ELSEWHERE = {"runtime": {"image": "elsewhere:1"}}
BODY_SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"
SNIPPET = "nginx.ingress.kubernetes.io/configuration-snippet"


@pytest.fixture(scope="module", autouse=True)
def policy(
    target: context.Target, api: cluster.Api, namespace: str, kinds: None
) -> collections.abc.Iterator[cluster.Manifest]:
    """The policy is in force in the namespace; a ModelAlias with an image that it forbids was there before."""
    before = api.apply(
        {**manifest("ModelAlias", "before", template=ELSEWHERE), "metadata": {"name": "before", "namespace": namespace}}
    )
    options = [f"--set=allowed.{name}={{{each}}}" for name, each in LISTS.items()]
    options += [f"--set=watchNamespaces={{{namespace}}}", f"--namespace={namespace}"]
    objects = helm.template(*options, "--show-only=templates/models/allowed.yaml", release=namespace)
    guarded.kubectl(target, "apply", "-f", "-", text=yaml.safe_dump_all(objects))

    def is_in_force() -> bool:
        try:
            create(api, namespace, manifest("ModelAlias", "probe", template=ELSEWHERE))
        except cluster.Refused:
            return True
        return False

    cluster.wait_for("the policy to be in force", is_in_force, 30)
    yield before
    api.delete("ModelAlias", namespace, "before")
    guarded.kubectl(target, "delete", "--ignore-not-found", "-f", "-", text=yaml.safe_dump_all(objects))


@pytest.mark.parametrize(
    ("kind", "spec", "sentence"),
    [
        (
            "ModelAlias",
            {"template": ELSEWHERE},
            "runtime.image elsewhere:1 is not among the images that this cluster "
            "allows: ghcr.io/acme/*, own:1 (the value allowed.images of the chart)",
        ),
        ("ModelVersion", ELSEWHERE | {"source": "s3://models/iris"}, "runtime.image elsewhere:1 is not among"),
        (
            "ModelAlias",
            {"template": {"storage": {"serviceAccountName": "admin"}}},
            "storage.serviceAccountName admin is not among the ServiceAccounts that this cluster allows: reader",
        ),
        (
            "ModelVersion",
            {"source": "s3://others/iris"},
            "the artifact s3://others/iris is not in a bucket that this cluster allows: models",
        ),
        ("ModelVersion", {}, "write spec.source: this cluster allows some buckets alone"),
        (
            "ModelAlias",
            {"ingress": {"host": "a.example.com", "annotations": {BODY_SIZE: "8m", SNIPPET: "x"}}},
            f"ingress.annotations has keys that this cluster does not allow: {SNIPPET} (",
        ),
    ],
    ids=["an image", "of a ModelVersion", "a ServiceAccount", "a bucket", "no bucket named", "an annotation"],
)
def test_what_is_on_no_list_is_refused_with_the_list(
    api: cluster.Api, namespace: str, kind: str, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(cluster.Refused) as refused:
        create(api, namespace, manifest(kind, **spec))
    assert (refused.value.status, sentence in str(refused.value)) == (403, True), str(refused.value)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ModelAlias", {}),
        ("ModelAlias", {"template": {"runtime": {"image": "ghcr.io/acme/server:2"}}}),
        ("ModelAlias", {"template": {"runtime": {"image": "own:1"}, "storage": {"serviceAccountName": "reader"}}}),
        ("ModelVersion", {"source": "s3://models/iris"}),
        ("ModelAlias", {"ingress": {"host": "a.example.com", "annotations": {BODY_SIZE: "8m"}}}),
    ],
    ids=["nothing named", "an image that begins so", "an image and a ServiceAccount", "a bucket", "an annotation"],
)
def test_what_is_on_the_lists_is_accepted(api: cluster.Api, namespace: str, kind: str, spec: dict[str, Any]) -> None:
    assert create(api, namespace, manifest(kind, **spec))


def test_what_was_there_before_goes_on_until_it_is_changed(
    api: cluster.Api, namespace: str, policy: dict[str, Any]
) -> None:
    api.patch("ModelAlias", namespace, "before", {"spec": {"paused": True}})
    with pytest.raises(cluster.Refused, match="is not among the images"):
        api.patch("ModelAlias", namespace, "before", {"spec": {"template": {"runtime": {"image": "elsewhere:2"}}}})


@pytest.fixture(scope="module")
def endpoints(target: context.Target, api: cluster.Api, kinds: None) -> collections.abc.Iterator[str]:
    """A namespace in which one S3 server is allowed."""
    namespace = f"allowed-endpoints-{uuid.uuid4().hex[:8]}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    options = ["--set=allowed.endpoints={https://s3.example.com}", f"--set=watchNamespaces={{{namespace}}}"]
    objects = helm.template(
        *options, f"--namespace={namespace}", "--show-only=templates/models/allowed.yaml", release=namespace
    )
    guarded.kubectl(target, "apply", "-f", "-", text=yaml.safe_dump_all(objects))

    def is_in_force() -> bool:
        try:
            create(api, namespace, manifest("ModelAlias", "probe"))
        except cluster.Refused:
            return True
        return False

    cluster.wait_for("the policy to be in force", is_in_force, 30)
    yield namespace
    guarded.kubectl(target, "delete", "--ignore-not-found", "-f", "-", text=yaml.safe_dump_all(objects))
    api.delete("Namespace", "", namespace)


def use(endpoint: str, *variables: str) -> dict[str, Any]:
    return {
        "storage": {"endpoint": endpoint, "secretName": "s3"},
        "puller": {"env": [{"name": name, "value": "x"} for name in variables]},
    }


OURS, THEIRS = "https://s3.example.com", "https://elsewhere.example.com"


@pytest.mark.parametrize(
    ("kind", "spec", "sentence"),
    [
        ("ModelAlias", {"template": use(THEIRS)}, f"storage.endpoint {THEIRS} is not among the S3 servers"),
        ("ModelVersion", use(THEIRS), f"storage.endpoint {THEIRS} is not among the S3 servers"),
        ("ModelAlias", {}, "write storage.endpoint, without which the Secret may name any S3 server"),
        ("ModelAlias", {"template": use(OURS, "AWS_ENDPOINT_URL_S3", "NO_PROXY")}, "remove AWS_ENDPOINT_URL_S3"),
        ("ModelVersion", use(OURS, "https_proxy"), "remove https_proxy"),
    ],
    ids=["another server", "of a ModelVersion", "none named", "a variable", "a proxy"],
)
def test_a_bucket_is_looked_for_on_the_servers_of_the_list_alone(
    api: cluster.Api, endpoints: str, kind: str, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(cluster.Refused) as refused:
        create(api, endpoints, manifest(kind, **spec))
    assert (refused.value.status, sentence in str(refused.value)) == (403, True), str(refused.value)


def test_a_server_of_the_list_is_accepted_until_the_puller_is_led_elsewhere(api: cluster.Api, endpoints: str) -> None:
    create(api, endpoints, manifest("ModelVersion", **use(OURS)), dry_run=False)
    api.patch("ModelVersion", endpoints, "iris", {"spec": use(OURS, "NO_PROXY")})
    with pytest.raises(cluster.Refused, match="remove HTTPS_PROXY"):
        api.patch("ModelVersion", endpoints, "iris", {"spec": use(OURS, "HTTPS_PROXY")})
