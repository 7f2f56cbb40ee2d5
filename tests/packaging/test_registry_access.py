"""The chart's admission policy and roles of registries: whom they name, and that they speak the operator's words."""

import json
import re
from typing import Any

import pytest

from podium import names
from podium.kube.registry import whoami
from podium.registry.storage import keys
from tests.support import helm

pytestmark = pytest.mark.needs("helm")

REGISTRIES = ["--set", "registry.namespaces={models,others}"]


def guards(kind: str, *options: str, release: str = "podium") -> list[dict[str, Any]]:
    """Of the registry; another policy is about what is served."""
    found = [each for each in helm.template(*options, release=release) if each["kind"] == kind]
    return [each for each in found if each["metadata"]["labels"]["app.kubernetes.io/component"] == "registry"]


def policies(*options: str, release: str = "podium") -> list[dict[str, Any]]:
    return guards("ValidatingAdmissionPolicy", *options, release=release)


def roles(*options: str) -> dict[str, dict[str, Any]]:
    found = [each for each in helm.template(*options) if each["kind"] == "Role"]
    return {f"{each['metadata']['namespace']}/{each['metadata']['name'].rpartition('-')[2]}": each for each in found}


def test_the_policy_speaks_the_words_of_the_registry() -> None:
    text = json.dumps(policies())
    for word in (names.REGISTRY_MANAGER, names.REPAIR_MANAGER, names.REPAIR_ANNOTATION, names.REGISTRY_KIND_LABEL):
        assert f"'{word}'" in text
    assert f'"via": "{whoami.BY_KUBERNETES}"' in text.replace("\\", "")
    kinds = set(re.findall(r"'(\w+)' in variables\.kind", text))
    assert kinds == {keys.CLAIM, keys.HEAD, keys.VERSION, keys.ARCHIVE, keys.POLICY}


def test_the_policy_holds_in_the_registries_namespaces_alone_and_denies() -> None:
    [binding] = guards("ValidatingAdmissionPolicyBinding", *REGISTRIES)
    [expression] = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == ["models", "others"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    [policy] = policies(*REGISTRIES)
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert {each["reason"] for each in policy["spec"]["validations"]} == {"Forbidden"}


def test_the_policy_can_be_left_out() -> None:
    assert not policies("--set", "registry.admission.enabled=false")


@pytest.mark.parametrize("release", ["podium", "other"])
def test_the_policy_believes_the_operator_of_its_own_release_alone(release: str) -> None:
    [policy] = policies(*REGISTRIES, release=release)
    [believed] = [each["expression"] for each in policy["spec"]["variables"] if each["name"] == "isOperator"]
    [operator] = [each for each in helm.template(release=release) if each["kind"] == "Deployment"]
    account = operator["spec"]["template"]["spec"]["serviceAccountName"]
    user = f"system:serviceaccount:{helm.NAMESPACE}:{account}"
    assert believed == f"request.userInfo.username == '{user}'"


@pytest.mark.parametrize("namespace", ["models", "others"])
def test_each_registry_has_a_role_for_viewers_publishers_approvers_and_maintainers(namespace: str) -> None:
    found = roles(*REGISTRIES)
    rights = {role: found[f"{namespace}/{role}"]["rules"] for role in ("viewer", "publisher", "approver", "maintainer")}
    verbs = {role: {rule["resources"][0]: set(rule["verbs"]) for rule in rules} for role, rules in rights.items()}
    reading = {"get", "list", "watch"}
    assert verbs["viewer"] == {"configmaps": reading}
    assert verbs["publisher"] == {"configmaps": reading | {"create", "update"}, "registries": {"publish"}}
    assert verbs["approver"] == verbs["publisher"] | {"registries": {"publish", "approve"}}
    assert verbs["maintainer"] == {
        "configmaps": reading | {"create", "update", "delete"},
        "registries": {"publish", "approve", "maintain"},
    }


def test_the_operator_and_the_tracking_server_may_maintain_and_nobody_may_approve_or_repair() -> None:
    tracking = ["--set", "tracking.enabled=true", "--set", "tracking.artifactRoot=s3://artifacts"]
    granted = {
        (each["metadata"]["name"], verb)
        for each in helm.template(*tracking)
        if each["kind"] == "Role" and "-registry-" not in each["metadata"]["name"]
        for rule in each["rules"]
        if rule["resources"] == ["registries"]
        for verb in rule["verbs"]
    }
    assert granted == {
        ("podium-system-podium-operator-registry", "publish"),
        ("podium-system-podium-operator-registry", "maintain"),
        ("podium-system-podium-tracking-registry", "publish"),
        ("podium-system-podium-tracking-registry", "maintain"),
    }


def test_a_subject_is_bound_to_its_role_in_every_registry() -> None:
    ann = ["--set-json", 'registry.access.approvers=[{"kind": "User", "name": "ann"}]']
    bindings = [e for e in helm.template(*REGISTRIES, *ann) if e["kind"] == "RoleBinding"]
    bound = [e for e in bindings if e["subjects"] == [{"kind": "User", "name": "ann"}]]
    assert {(e["metadata"]["namespace"], e["roleRef"]["name"].rpartition("-")[2]) for e in bound} == {
        ("models", "approver"),
        ("others", "approver"),
    }
