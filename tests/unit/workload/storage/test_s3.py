"""Artifacts on S3: what the puller is told, and that nobody else is."""

from typing import Any

import pytest

from podium.manifest import Manifest
from podium.workload import pod
from tests.unit.workload import factories
from tests.unit.workload.factories import env, puller, server

S3 = {"endpoint": "http://s3:9000", "region": "eu-1", "secretName": "s3", "caBundle": {"configMapName": "ca"}}


def build(**fields: Any) -> Manifest:
    owner = {"name": "iris-v1"}
    return pod.build_pod_template(
        owner, factories.spec(**fields), factories.SOURCE, factories.DEFAULTS, factories.RUNTIME
    )


def test_the_puller_is_told_what_to_bring_and_from_where() -> None:
    template = build(storage=S3, puller={"timeout": "1m30s", "retries": 2})
    assert env(puller(template)) == {
        "PODIUM_SOURCE": factories.URI,
        "PODIUM_MODEL_DIR": "/model",
        "PODIUM_PULL_TIMEOUT": "90",
        "PODIUM_PULL_RETRIES": "2",
        "PODIUM_EXPECTED_DIGEST_FILE": "/etc/podium/digest/digest",
        "PODIUM_S3_PATH_STYLE": "true",
        "AWS_ENDPOINT_URL_S3": "http://s3:9000",
        "AWS_REGION": "eu-1",
        "AWS_CA_BUNDLE": "/etc/podium/ca/ca.crt",
    }
    assert puller(template)["envFrom"] == [{"secretRef": {"name": "s3"}}]
    assert {"name": "ca", "configMap": {"name": "ca"}} in template["spec"]["volumes"]
    assert {"name": "ca", "mountPath": "/etc/podium/ca", "readOnly": True} in puller(template)["volumeMounts"]


def test_credentials_are_the_pullers_alone() -> None:
    assert "envFrom" not in server(build(storage=S3))
    assert not any(name.startswith("AWS_") for name in env(server(build(storage=S3))))


@pytest.mark.parametrize(
    ("storage", "style"),
    [
        pytest.param({}, "false", id="Amazon S3: by host name"),
        pytest.param({"endpoint": "http://s3:9000"}, "true", id="an endpoint of one's own: by path"),
        pytest.param({"endpoint": "http://s3:9000", "pathStyle": False}, "false", id="as written"),
    ],
)
def test_buckets_are_addressed_by_path_where_an_endpoint_is_given(storage: Manifest, style: str) -> None:
    assert env(puller(build(storage=storage)))["PODIUM_S3_PATH_STYLE"] == style


def test_the_digest_that_a_pull_must_bring_is_that_of_this_modelversion() -> None:
    volumes = {volume["name"]: volume for volume in build()["spec"]["volumes"]}
    assert volumes["digest"]["configMap"] == {"name": "iris-v1-digest", "optional": True}
