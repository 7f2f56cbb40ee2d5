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
        "AWS_ENDPOINT_URL_S3": "http://s3:9000",
        "AWS_REGION": "eu-1",
        "AWS_CA_BUNDLE": "/etc/podium/ca/ca.crt",
    }
    assert puller(template)["envFrom"] == [{"secretRef": {"name": "s3"}}]
    assert {"name": "ca", "configMap": {"name": "ca", "optional": True}} in template["spec"]["volumes"]
    assert {"name": "ca", "mountPath": "/etc/podium/ca", "readOnly": True} in puller(template)["volumeMounts"]


def test_credentials_are_the_pullers_alone() -> None:
    assert "envFrom" not in server(build(storage=S3))
    assert not any(name.startswith("AWS_") for name in env(server(build(storage=S3))))


@pytest.mark.parametrize(("style", "found"), [(True, "true"), (False, "false"), (None, None)])
def test_how_buckets_are_addressed_is_the_pullers_to_decide_unless_it_is_written(
    style: bool | None, found: str | None
) -> None:
    storage = {"endpoint": "http://s3:9000"} | ({"pathStyle": style} if style is not None else {})
    assert env(puller(build(storage=storage))).get("PODIUM_S3_PATH_STYLE") == found


def test_a_certificate_authority_may_be_in_a_secret_of_which_nothing_else_is_mounted() -> None:
    template = build(storage={"caBundle": {"secretName": "s3-tls", "key": "ca.pem"}})
    secret = {"secretName": "s3-tls", "items": [{"key": "ca.pem", "path": "ca.pem"}], "optional": True}
    assert {"name": "ca", "secret": secret} in template["spec"]["volumes"]
    assert env(puller(template))["AWS_CA_BUNDLE"] == "/etc/podium/ca/ca.pem"


def test_variables_of_the_puller_win_over_podiums_own_and_are_not_the_servers() -> None:
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
    region = {"name": "AWS_REGION", "valueFrom": {"configMapKeyRef": {"name": "s3", "key": "region"}}}
    template = build(storage=S3, puller={"env": [proxy, region]})
    variables = puller(template)["env"]
    assert [each for each in variables if each["name"] in {"HTTPS_PROXY", "AWS_REGION"}] == [proxy, region]
    assert "HTTPS_PROXY" not in env(server(template))


def test_the_digest_that_a_pull_must_bring_is_that_of_this_modelversion() -> None:
    volumes = {volume["name"]: volume for volume in build()["spec"]["volumes"]}
    assert volumes["digest"]["configMap"] == {"name": "iris-v1-digest", "optional": True}
