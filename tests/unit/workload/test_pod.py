"""The pod template: what Pod Security, the puller, the server and the kubelet find in it."""

import dataclasses
from typing import Any

import pytest

from podium import names
from podium.manifest import Manifest
from podium.workload import labels, pod
from tests.unit.workload import factories
from tests.unit.workload.factories import env, puller, server


def build(alias: str | None = None, traffic: str | None = None, **fields: Any) -> Manifest:
    owner: Manifest = {"name": "iris-v1", "labels": {names.TRAFFIC_LABEL: traffic} if traffic else {}}
    if alias:
        owner["ownerReferences"] = [labels.build_owner_reference(names.MODEL_ALIAS_KIND, {"name": alias, "uid": "one"})]
    return pod.build_pod_template(
        owner, factories.spec(**fields), factories.SOURCE, factories.DEFAULTS, factories.RUNTIME
    )


def test_pod_security_restricted_finds_nothing_to_refuse() -> None:
    spec = build()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for container in spec["initContainers"] + spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} <= {"emptyDir", "configMap"}


def test_a_name_is_no_reference_to_another_variable() -> None:
    template = build(model="iris $(PODIUM_MODEL_DIR) $$")
    assert env(server(template))["PODIUM_MODEL_NAME"] == "iris $$(PODIUM_MODEL_DIR) $$$$"


def test_pods_hold_no_token_of_the_api_server() -> None:
    assert build()["spec"]["automountServiceAccountToken"] is False


def test_the_probes_ask_health_as_often_as_users_know_it() -> None:
    container = server(build())
    probes = {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    assert [probe.pop("httpGet") for probe in probes.values()] == [{"path": "/health", "port": "http"}] * 3
    assert probes == {
        "startup": {"periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 300},
        "readiness": {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3},
        "liveness": {"periodSeconds": 30, "timeoutSeconds": 5, "failureThreshold": 3},
    }


def test_metrics_have_a_port_of_their_own() -> None:
    assert server(build())["ports"] == [
        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
        {"name": "metrics", "containerPort": 8081, "protocol": "TCP"},
    ]


def test_what_is_left_out_of_a_probe_keeps_its_default() -> None:
    container = server(build(probes={"startup": {"failureThreshold": 900}, "liveness": {"timeoutSeconds": 9}}))
    assert container["startupProbe"] == {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": 900,
    }
    assert container["livenessProbe"]["periodSeconds"] == 30


def test_the_server_asks_for_the_default_resources() -> None:
    assert server(build())["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "1000m", "memory": "1Gi"},
    }


@pytest.mark.parametrize(
    ("written", "found"),
    [
        pytest.param({"requests": {"cpu": 1}}, {"requests": {"cpu": 1}}, id="requests alone: no limits"),
        pytest.param({}, {}, id="empty: neither requests nor limits"),
    ],
)
def test_resources_that_are_written_replace_the_default_as_a_whole(written: Manifest, found: Manifest) -> None:
    assert server(build(resources=written))["resources"] == found


def test_the_server_is_told_whom_it_serves() -> None:
    assert env(server(build(model="붓꽃 분류", version=3, runtime={"workers": 4}))) == {
        "PODIUM_MODEL_DIR": "/model",
        "PODIUM_MODEL_NAME": "붓꽃 분류",
        "PODIUM_MODEL_VERSION": "3",
        "PODIUM_WORKERS": "4",
        "PODIUM_WORKER_START": "Auto",
        "PODIUM_DRAIN_SECONDS": "5",
    }


def test_a_users_variables_come_last_and_win() -> None:
    mine = [
        {"name": "PODIUM_DRAIN_SECONDS", "value": "20"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    variables = server(build(runtime={"env": mine}))["env"]
    assert variables[-2:] == mine
    assert [variable["name"] for variable in variables].count("PODIUM_DRAIN_SECONDS") == 1


def test_the_server_reads_the_model_and_writes_only_to_tmp() -> None:
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in server(build())["volumeMounts"]}
    assert mounts == {"/model": True, "/tmp": False}


@pytest.mark.parametrize("alias", [None, "iris"])
def test_pods_bear_the_labels_that_select_them_beside_the_users_own(alias: str | None) -> None:
    metadata = build(alias, podTemplate={"labels": {"team": "a"}, "annotations": {"note": "b"}})["metadata"]
    selector = labels.revision_selector(alias, "iris-v1") if alias else labels.selector("iris-v1")
    assert selector.items() <= metadata["labels"].items()
    assert (metadata["labels"]["team"], metadata["annotations"]["note"]) == ("a", "b")
    assert metadata["annotations"][names.MODEL_ANNOTATION] == "iris"
    assert metadata["annotations"][names.VERSION_ANNOTATION] == "1"


@pytest.mark.parametrize(
    ("traffic", "is_selected"),
    [(names.TRAFFIC_LIVE, True), (names.TRAFFIC_SHADOW, False), (None, False)],
    ids=["live", "a shadow", "made before the label"],
)
def test_only_pods_that_traffic_may_come_to_are_selected_while_a_switch_lasts(
    traffic: str | None, is_selected: bool
) -> None:
    borne = build("iris", traffic)["metadata"]["labels"]
    assert (labels.overlap_selector("iris").items() <= borne.items()) == is_selected


def test_what_the_pod_template_asks_for_is_in_the_pod() -> None:
    toleration = {"key": "gpu", "operator": "Exists"}
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    asked = {
        "nodeSelector": {"disk": "ssd"},
        "priorityClassName": "high",
        "imagePullSecrets": ["registry"],
        "tolerations": [toleration],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [spread],
    }
    spec = build(podTemplate=asked)["spec"]
    assert {key: spec[key] for key in asked} == asked | {
        "imagePullSecrets": [{"name": "registry"}],
        "topologySpreadConstraints": [spread | {"labelSelector": {"matchLabels": labels.selector("iris-v1")}}],
    }


def test_a_service_account_is_the_pods_own() -> None:
    assert build(storage={"serviceAccountName": "reader"})["spec"]["serviceAccountName"] == "reader"
    assert "serviceAccountName" not in build()["spec"]


def test_an_image_of_ones_own_runs_the_server_and_never_the_puller() -> None:
    template = build(runtime={"image": "mine:1"})
    assert (server(template)["image"], puller(template)["image"]) == ("mine:1", factories.DEFAULTS.puller_image)
    assert server(template)["command"] == ["python3", "-m", "podium.serving"]


def test_files_belong_to_the_user_of_the_pod_and_variables_of_other_services_are_left_out() -> None:
    spec = build()["spec"]
    security = spec["securityContext"]
    assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"]
    assert spec["enableServiceLinks"] is False


@pytest.mark.parametrize(
    ("chosen", "user", "said"),
    [
        (None, 65532, {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}),
        (None, None, {}),
        ({}, 65532, {}),
        ({"runAsUser": 1000, "supplementalGroups": [5]}, 65532, {"runAsUser": 1000, "supplementalGroups": [5]}),
        ({"fsGroup": 7}, None, {"fsGroup": 7}),
    ],
    ids=["by default", "the cluster's", "left to the cluster by spec", "chosen", "chosen in part"],
)
def test_user_and_groups_are_what_spec_names_or_else_the_installations(
    chosen: dict[str, Any] | None, user: int | None, said: dict[str, Any]
) -> None:
    template = {"podTemplate": {} if chosen is None else {"securityContext": chosen}}
    defaults = dataclasses.replace(factories.DEFAULTS, user=user)
    built = pod.build_pod_template(
        factories.METADATA, factories.spec(**template), factories.SOURCE, defaults, factories.RUNTIME
    )
    fixed = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert built["spec"]["securityContext"] == fixed | said
