"""The chart: what it makes in each of its variants, what it refuses, and what it never asks for."""

import json
import pathlib
from typing import Any

import pytest
import yaml

from podium import names, settings
from podium.sync import settings as sync_settings
from podium.workload import pod
from tests.support import helm
from tests.unit.workload import factories

pytestmark = pytest.mark.needs("helm")

ROOT = pathlib.Path(__file__).parents[2]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")
EVERYWHERE: list[str] = []
NAMESPACED = ["--set", "watchNamespaces={team-a,team-b}", "--set", "registry.namespaces={models}"]
TWO_REPLICAS = ["--set", "replicas=2", "--set", "metrics.serviceMonitor.enabled=true"]
PRIVATE = [
    "--set",
    "imagePullSecrets={pull}",
    "--set",
    "serviceAccount.create=false",
    "--set",
    "serviceAccount.name=own",
]
NOTHING_OPTIONAL = ["--set", "crds.install=false", "--set", "rbac.create=false", "--set", "networkPolicy.enabled=false"]
TRACKING = ["--set", "tracking.enabled=true", "--set", "tracking.artifactRoot=s3://artifacts"]
WITH_INGRESS = [
    *TRACKING,
    "--set",
    "tracking.ingress.enabled=true",
    "--set",
    "tracking.ingress.host=mlflow.example.com",
]
ON_POSTGRESQL = [*TRACKING, "--set", "tracking.replicas=2", "--set", "tracking.backendStoreSecret.name=database"]
PROXY = {"podSelector": {"matchLabels": {"app": "oauth2-proxy"}}}
MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
TRUSTED = [
    *("--set", "tracking.trustedUserHeader=X-Forwarded-User"),
    *("--set-json", f"networkPolicy.tracking={json.dumps([PROXY])}"),
]
SYNC = ["--set", "sync.enabled=true", "--set", "sync.trackingUri=http://mlflow.team:5000"]
SYNC_IN_FULL = [
    *("--set", "sync.enabled=true", "--set", "sync.trackingUriSecret.name=database"),
    *("--set", "sync.webhook.secretName=hook", "--set", "sync.credentialsSecretName=login"),
    *("--set", "sync.registryNamespace=mirror", "--set", "registry.namespaces={models,mirror}"),
    *("--set", "sync.artifactsDestination=s3://bucket/path", "--set", "sync.trustEmpty=true"),
    *("--set", "sync.formerAddress=http://old", "--set", "sync.interval=5"),
]
VARIANTS = {
    "the defaults": EVERYWHERE,
    "two namespaces": NAMESPACED,
    "two replicas and a ServiceMonitor": TWO_REPLICAS,
    "a private registry of images": PRIVATE,
    "nothing that is optional": NOTHING_OPTIONAL,
    "a tracking server behind an ingress": WITH_INGRESS,
    "two tracking servers on PostgreSQL": ON_POSTGRESQL,
    "a tracking server that trusts a proxy": [*TRACKING, *TRUSTED],
    "policies for models": [
        *("--set", "networkPolicy.models.namespaces={team-a}", "--set", "metrics.podMonitor.enabled=true")
    ],
    "a mirror": SYNC,
    "a mirror with all that it takes": SYNC_IN_FULL,
}


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every object of a variant."""
    return helm.template(*request.param)


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] in kinds]


def operator(objects: list[dict[str, Any]]) -> dict[str, Any]:
    [deployment] = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == "podium-operator"]
    return deployment


def pod_specs(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    workloads = of_kind(objects, *WORKLOADS)
    return [each["spec"]["template"]["spec"] if "template" in each["spec"] else each["spec"] for each in workloads]


def rules(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for role in of_kind(objects, "Role", "ClusterRole") for rule in role["rules"]]


def test_every_pod_satisfies_pod_security_restricted_and_writes_nothing_to_its_root(
    objects: list[dict[str, Any]],
) -> None:
    specs = pod_specs(objects)
    assert specs
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"] + spec.get("initContainers", []):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_a_cluster_that_gives_users_itself_is_named_none() -> None:
    for spec in pod_specs(helm.template(*TRACKING, *SYNC, "--set", "fixedUser=false")):
        assert set(spec["securityContext"]) == {"runAsNonRoot", "seccompProfile"}


def test_the_tracking_server_listens_on_addresses_of_ipv6_too_unless_told_otherwise() -> None:
    for args, host in (([], "::"), (["--set", "tracking.host=0.0.0.0"], "0.0.0.0")):
        specs = pod_specs(helm.template(*TRACKING, *args))
        said = [each for spec in specs for container in spec["containers"] for each in container.get("args", [])]
        assert f"--host={host}" in said


def test_nothing_may_touch_a_secret_or_everything(objects: list[dict[str, Any]]) -> None:
    for rule in rules(objects):
        assert not {"secrets", "*"} & set(rule["resources"]), rule
        assert "*" not in rule["verbs"] + rule["apiGroups"], rule


def test_no_selector_holds_what_changes_with_a_release(objects: list[dict[str, Any]]) -> None:
    stable = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
    for each in of_kind(objects, "Deployment"):
        assert set(each["spec"]["selector"]["matchLabels"]) == stable
    for each in of_kind(objects, "Service"):
        assert set(each["spec"]["selector"]) == stable


def test_the_service_and_the_policies_select_the_pods_that_the_deployment_makes(objects: list[dict[str, Any]]) -> None:
    labels = operator(objects)["spec"]["template"]["metadata"]["labels"]
    [service] = [each for each in of_kind(objects, "Service") if each["metadata"]["name"] == "podium-operator"]
    assert service["spec"]["selector"].items() <= labels.items()
    for each in of_kind(objects, "NetworkPolicy", "PodDisruptionBudget"):
        if each["metadata"]["name"] == "podium-operator":
            selector = each["spec"].get("podSelector") or each["spec"]["selector"]
            assert selector["matchLabels"].items() <= labels.items()


def test_the_operator_starts_from_the_environment_that_the_chart_gives(objects: list[dict[str, Any]]) -> None:
    variables = operator(objects)["spec"]["template"]["spec"]["containers"][0]["env"]
    given = {each["name"]: each.get("value", "from-the-pod") for each in variables}
    chosen = settings.from_environment(given)
    assert chosen.server_image == chosen.puller_image != ""
    assert chosen.http_port == 8081
    read = pathlib.Path(settings.__file__).read_text()
    assert [name for name in given if name not in read] == []


def test_namespaces_reach_the_operator() -> None:
    variables = operator(helm.template(*NAMESPACED))["spec"]["template"]["spec"]["containers"][0]["env"]
    chosen = settings.from_environment({each["name"]: each.get("value", "x") for each in variables})
    assert chosen.watch_namespaces == ("team-a", "team-b")
    assert chosen.registry_namespaces == ("models",)


def test_the_name_of_the_cluster_reaches_the_operator_and_is_empty_by_default() -> None:
    for arguments, cluster in (((), ""), (("--set", "cluster=east-1"), "east-1")):
        variables = operator(helm.template(*arguments))["spec"]["template"]["spec"]["containers"][0]["env"]
        chosen = settings.from_environment({each["name"]: each.get("value", "x") for each in variables})
        assert chosen.cluster == cluster


def test_an_install_for_named_namespaces_has_roles_there_and_nothing_cluster_wide() -> None:
    objects = helm.template(*NAMESPACED)
    assert not of_kind(objects, "ClusterRole", "ClusterRoleBinding")
    places = {each["metadata"]["namespace"] for each in of_kind(objects, "Role")}
    assert places == {"team-a", "team-b", "models", helm.NAMESPACE}


def test_what_serves_is_granted_the_same_for_a_namespace_as_for_the_cluster() -> None:
    [everywhere] = of_kind(helm.template(), "ClusterRole")
    for role in of_kind(helm.template(*NAMESPACED), "Role"):
        if role["metadata"]["namespace"].startswith("team-"):
            assert role["rules"] == everywhere["rules"]


READ = {"get", "list", "watch"}
APPLY = {"create", "patch"}
OWNED = READ | APPLY | {"delete"}


def test_the_operator_may_do_what_it_does_and_no_more() -> None:
    allowed: dict[str, set[str]] = {}
    own = [e for e in of_kind(helm.template(), "Role", "ClusterRole") if "operator" in e["metadata"]["name"]]
    for rule in rules(own):
        for resource in rule["resources"]:
            only = "".join(f" {name}" for name in rule.get("resourceNames", []))
            allowed.setdefault(f"{resource}{only}", set()).update(rule["verbs"])
    assert allowed == {
        "modelaliases": READ,
        "modelversions": OWNED | {"update"},
        "modelaliases/status": {"patch"},
        "modelversions/status": {"patch"},
        "modelaliases/finalizers": {"update"},
        "modelversions/finalizers": {"update"},
        "deployments": OWNED,
        "controllerrevisions": OWNED,
        "services": OWNED,
        "configmaps": OWNED | {"update"},  # the last in the registry's namespace alone
        "ingresses": OWNED,
        "pods": {"list", "watch"},
        "endpointslices": {"list", "watch"},
        "events": {"get", "create", "update"},
        "leases": {"create"},
        "leases podium-operator": {"get", "update"},
        "registries": {"publish", "maintain"},
    }


def test_two_releases_in_one_namespace_do_not_share_a_lease() -> None:
    for release, lease in (("podium", "podium-operator"), ("other", "other-podium-operator")):
        objects = helm.template(release=release)
        [deployment] = of_kind(objects, "Deployment")
        variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        chosen = settings.from_environment({each["name"]: each.get("value", "x") for each in variables})
        assert chosen.lease_name == lease
        named = [rule["resourceNames"] for rule in rules(objects) if "resourceNames" in rule]
        assert named == [[lease], [lease]]


def test_an_installation_lets_every_other_see_whether_it_is_alive_and_no_more() -> None:
    objects = helm.template()
    bound = [
        each
        for each in of_kind(objects, "RoleBinding")
        if each["subjects"]
        == [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts"}]
    ]
    assert [each["roleRef"]["name"] for each in bound] == ["podium-lease-reader"]
    [role] = [each for each in of_kind(objects, "Role") if each["metadata"]["name"] == "podium-lease-reader"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in role["rules"]] == [
        (["leases"], ["podium-operator"], ["get"])
    ]


def test_every_role_is_bound_to_the_operator_where_it_is(objects: list[dict[str, Any]]) -> None:
    account = operator(objects)["spec"]["template"]["spec"]["serviceAccountName"]
    roles = {
        (e["kind"], e["metadata"].get("namespace"), e["metadata"]["name"])
        for e in of_kind(objects, "Role", "ClusterRole")
    }
    bound = set()
    for each in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        subject = {"kind": "ServiceAccount", "name": account, "namespace": helm.NAMESPACE}
        if each["subjects"] == [subject]:
            bound.add((each["roleRef"]["kind"], each["metadata"].get("namespace"), each["roleRef"]["name"]))
    assert {each for each in roles if "operator" in each[2]} <= bound


def test_the_network_policy_lets_in_the_port_of_metrics_and_probes_alone() -> None:
    [policy] = [e for e in of_kind(helm.template(), "NetworkPolicy") if e["metadata"]["name"] == "podium-operator"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert policy["spec"]["ingress"] == [{"ports": [{"port": "http"}]}]
    ports = operator(helm.template())["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"name": "http", "containerPort": 8081}]


def test_a_disruption_budget_is_there_only_for_more_than_one_replica() -> None:
    assert not of_kind(helm.template(), "PodDisruptionBudget")
    [budget] = of_kind(helm.template(*TWO_REPLICAS), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_the_crds_are_those_of_the_repository_kept_by_an_uninstall() -> None:
    committed = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")}
    rendered = {each["spec"]["names"]["plural"]: each for each in of_kind(helm.template(), "CustomResourceDefinition")}
    for crd in rendered.values():
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert rendered == committed
    assert not of_kind(helm.template(*NOTHING_OPTIONAL), "CustomResourceDefinition")


def test_the_default_images_are_of_the_charts_own_version() -> None:
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())
    images = yaml.safe_load((helm.CHART / "values.yaml").read_text())["image"]
    assert chart["version"] == chart["appVersion"]
    assert {name: image.rpartition(":")[2] for name, image in images.items() if name != "pullPolicy"} == {
        name: chart["appVersion"] for name in images if name != "pullPolicy"
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param("replica=2", "replica", id="a misspelt name"),
        pytest.param("image.repository=x", "repository", id="a name of another chart's habit"),
        pytest.param("image.operator=no-tag", "image/operator", id="an image without a tag"),
        pytest.param("replicas=0", "replicas", id="no replica"),
        pytest.param("workers=many", "workers", id="a word for a number"),
        pytest.param("logLevel=LOUD", "logLevel", id="a level that does not exist"),
        pytest.param("cluster=East 1", "cluster", id="a cluster's name that cannot be"),
        pytest.param("watchNamespaces={Team A}", "watchNamespaces/0", id="a namespace that cannot exist"),
        pytest.param("registry.namespace=models", "namespace", id="a name in the singular"),
        pytest.param("networkPolicy.enabled=maybe", "networkPolicy/enabled", id="neither true nor false"),
        pytest.param(
            "tracking.artifactRoot=gs://bucket", "tracking/artifactRoot", id="artifacts that no pod could pull"
        ),
        pytest.param("tracking.ingress.hosts=x", "hosts", id="a misspelt part of the tracking server"),
        pytest.param("tracking.trustedUserHeader=X User", "trustedUserHeader", id="no name of a header"),
        pytest.param("networkPolicy.trackng=x", "trackng", id="a misspelt part of the policies"),
        pytest.param("networkPolicy.sync[0].podSelectors.a=b", "podSelectors", id="a misspelt peer"),
        pytest.param("tracking.enabled=true", "artifactRoot", id="a tracking server without a place for artifacts"),
        pytest.param("resources.limit.memory=1Gi", "limit", id="a misspelt part of resources"),
    ],
)
def test_a_value_that_cannot_be_honoured_is_refused_by_name(value: str, told: str) -> None:
    with pytest.raises(helm.Refused, match=told):
        helm.template("--set", value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], []), (TRUSTED, ["X-Forwarded-User"])],
    ids=["nobody is trusted by default", "a trusted proxy"],
)
def test_the_tracking_server_trusts_a_header_only_where_a_value_says_so(
    options: list[str], expected: list[str]
) -> None:
    environment = tracking_container(*options)["env"]
    found = [each["value"] for each in environment if each["name"] == names.ENV_TRUSTED_USER_HEADER]
    assert found == expected


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(
            ["--set", "tracking.trustedUserHeader=X-Forwarded-User"],
            "whoever reaches the server can write this header. Name the pods of the proxy",
            id="anybody may connect",
        ),
        pytest.param(
            [*TRUSTED, "--set", "networkPolicy.enabled=false"],
            "whoever reaches the server can write this header. Name the pods of the proxy",
            id="no policy is made",
        ),
        *(
            pytest.param(
                [*TRUSTED, "--set-json", f"networkPolicy.tracking={json.dumps([PROXY, everybody])}"],
                "one of networkPolicy.tracking is everybody",
                id=f"{everybody}",
            )
            for everybody in (
                {"namespaceSelector": {}},
                {"namespaceSelector": {}, "podSelector": {}},
                {"ipBlock": {"cidr": "0.0.0.0/0"}},
                {"ipBlock": {"cidr": "::/0"}},
            )
        ),
        pytest.param(
            [*WITH_INGRESS, *TRUSTED],
            "an ingress controller passes on what a client writes into this header",
            id="the chart's own Ingress leads around the proxy",
        ),
    ],
)
def test_a_header_that_anybody_could_write_is_not_trusted(options: list[str], sentence: str) -> None:
    with pytest.raises(helm.Refused, match=f"tracking.trustedUserHeader: {sentence}"):
        helm.template(*TRACKING, *options)


def test_an_ingress_whose_controller_authenticates_may_lead_to_a_server_that_trusts_its_header() -> None:
    objects = helm.template(*WITH_INGRESS, *TRUSTED, "--set", "tracking.ingress.authenticates=true")
    assert [each["metadata"]["name"] for each in of_kind(objects, "Ingress")] == ["podium-tracking"]


@pytest.mark.parametrize(
    ("part", "name"),
    [("operator", "podium-operator"), ("tracking", "podium-tracking"), ("sync", "podium-sync")],
)
def test_who_may_connect_is_everybody_or_whom_a_value_names(part: str, name: str) -> None:
    for options, peers in (
        ((), None),
        (("--set-json", f"networkPolicy.{part}={json.dumps([PROXY, MONITORING])}"), [PROXY, MONITORING]),
    ):
        objects = helm.template(*TRACKING, *SYNC, *options)
        [policy] = [each for each in of_kind(objects, "NetworkPolicy") if each["metadata"]["name"] == name]
        [rule, *more] = policy["spec"]["ingress"]
        assert (rule["ports"], rule.get("from")) == ([{"port": "http"}], peers)
        is_tested = part == "operator" and peers is not None
        assert [each["from"] for each in more] == ([[{"podSelector": {"matchLabels": of_test()}}]] if is_tested else [])


def of_test() -> dict[str, str]:
    """The labels by which the pod of `helm test` is let in."""
    shown = helm.run("template", "podium", str(helm.CHART), "--show-only", "templates/tests/readyz.yaml")
    found: dict[str, str] = yaml.safe_load(shown)["metadata"]["labels"]
    return {key: value for key, value in found.items() if key.rpartition("/")[2] in {"name", "instance", "component"}}


def test_models_get_policies_in_the_namespaces_that_are_named_or_watched() -> None:
    named = ["--set", "networkPolicy.models.namespaces={team-b}"]
    for options, places in (
        ([], []),
        (named, ["team-b"]),
        (NAMESPACED, ["team-a", "team-b"]),
        ([*NAMESPACED, *named], ["team-b"]),
        ([*NAMESPACED, "--set", "networkPolicy.enabled=false"], []),
    ):
        policies = [e for e in of_kind(helm.template(*options), "NetworkPolicy") if "models" in e["metadata"]["name"]]
        assert [each["metadata"]["namespace"] for each in policies] == places


def test_a_policy_for_models_opens_the_ports_that_their_pods_have_to_whom_it_names() -> None:
    [policy] = [
        each
        for each in of_kind(
            helm.template(
                *("--set", "networkPolicy.models.namespaces={team-a}"),
                *("--set-json", f"networkPolicy.models.clients={json.dumps([PROXY])}"),
                *("--set-json", f"networkPolicy.models.metrics={json.dumps([MONITORING])}"),
            ),
            "NetworkPolicy",
        )
        if each["metadata"]["namespace"] == "team-a"
    ]
    built = pod.build_pod_template(
        {"name": "iris-v1"}, factories.spec(), factories.SOURCE, factories.DEFAULTS, factories.RUNTIME
    )
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= built["metadata"]["labels"].items()
    ports = [each["name"] for each in factories.server(built)["ports"]]
    assert policy["spec"]["ingress"] == [
        {"ports": [{"port": ports[0]}], "from": [PROXY]},
        {"ports": [{"port": ports[1]}], "from": [MONITORING]},
    ]


@pytest.mark.parametrize(
    ("options", "places"), [(EVERYWHERE, {"any": True}), (NAMESPACED, {"matchNames": ["team-a", "team-b"]})]
)
def test_a_pod_monitor_scrapes_the_port_of_the_models_pods(options: list[str], places: dict[str, Any]) -> None:
    [monitor] = of_kind(helm.template(*options, "--set", "metrics.podMonitor.enabled=true"), "PodMonitor")
    assert monitor["spec"]["namespaceSelector"] == places
    assert monitor["spec"]["selector"] == {"matchLabels": {names.NAME_LABEL: names.SERVED_NAME}}
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == (names.METRICS_PORT_NAME, names.METRICS_PATH)


def tracking_container(*options: str) -> Any:
    """The container of the tracking server."""
    [deployment] = [
        each
        for each in of_kind(helm.template(*TRACKING, *options), "Deployment")
        if each["metadata"]["name"] == "podium-tracking"
    ]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return container


def test_the_command_in_the_tracking_servers_pod_works_on_that_servers_registry() -> None:
    container = tracking_container("--set", "registry.namespaces={models}")
    [given] = [each["value"] for each in container["env"] if each["name"] == names.ENV_NAMESPACE]
    assert f"--registry-store-uri=configmap://{given}" in container["args"]


def test_every_object_schema_says_which_names_it_knows() -> None:
    free = ("global", "nodeAffinity", "podAffinity", "podAntiAffinity", "objects")
    open_ones = list(open_schemas(helm.schema(), "values"))
    assert [path for path in open_ones if not path.split(".")[-1].startswith(free) and ".objects." not in path] == []


def open_schemas(schema: Any, path: str) -> Any:
    """Paths of the object schemas that let any name in."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "additionalProperties" not in schema:
            yield path
        for name, inner in schema.items():
            yield from open_schemas(inner, f"{path}.{name}")


def test_lint_finds_nothing() -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(helm.CHART))


def test_the_notes_say_how_to_reach_the_tracking_server() -> None:
    install = ["install", "podium", str(helm.CHART), "--namespace", helm.NAMESPACE, "--dry-run=client"]
    assert "port-forward service/podium-tracking 5000" in helm.run(*install, *TRACKING)
    assert "port-forward" not in helm.run(*install)


def test_the_notes_say_the_next_command() -> None:
    notes = helm.run("install", "podium", str(helm.CHART), "--namespace", helm.NAMESPACE, "--dry-run=client")
    assert "kubectl apply -f" in notes
    assert "kubectl get modelaliases" in notes


def sync_variables(objects: list[dict[str, Any]]) -> dict[str, str]:
    """What the mirror's process is given; what comes from a Secret is its name."""
    [deployment] = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == "podium-sync"]
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    sources = [each.get("valueFrom", {}) for each in variables]
    secrets = [f"secret://{each['secretKeyRef']['name']}" if "secretKeyRef" in each else "pod" for each in sources]
    return {each["name"]: each.get("value", secret) for each, secret in zip(variables, secrets, strict=True)}


def test_the_mirror_starts_from_the_environment_that_the_chart_gives() -> None:
    given = sync_variables(helm.template(*SYNC))
    assert sync_settings.from_environment(given) == sync_settings.Settings(
        "http://mlflow.team:5000", helm.NAMESPACE, "pod"
    )
    given = sync_variables(helm.template(*SYNC_IN_FULL))
    assert sync_settings.from_environment(given) == sync_settings.Settings(
        "secret://database", "mirror", "pod", 5.0, "secret://hook", "s3://bucket/path", True, "http://old"
    )
    read = pathlib.Path(sync_settings.__file__).read_text()
    assert [name for name in given if name not in read and not name.startswith("MLFLOW_")] == []


def test_the_mirror_may_do_nothing_outside_its_registry_and_writes_no_lease_but_its_own() -> None:
    objects = helm.template(*SYNC_IN_FULL)
    [binding] = [
        each
        for each in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        if {"kind": "ServiceAccount", "name": "podium-sync", "namespace": helm.NAMESPACE} in each["subjects"]
    ]
    assert (binding["kind"], binding["metadata"]["namespace"]) == ("RoleBinding", "mirror")
    [role] = [each for each in of_kind(objects, "Role") if each["metadata"]["name"] == binding["roleRef"]["name"]]
    allowed = {
        (resource, verb, tuple(rule.get("resourceNames", [])))
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert allowed == {
        *(("configmaps", verb, ()) for verb in ("get", "list", "create", "update", "delete")),
        *(("registries", verb, ()) for verb in ("publish", "maintain", "mirror")),
        ("leases", "create", ()),
        *(("leases", verb, ("podium-mirror",)) for verb in ("get", "update")),
        *(("events", verb, ()) for verb in ("get", "create", "update")),
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "sync.enabled=true"], "sync.trackingUri: write the address of the MLflow server"),
        ([*SYNC, "--set", "sync.trackingUri=http://joe:secret@mlflow:5000"], "holds a user or a password"),
        ([*SYNC, "--set", "sync.trackingUri=mlflow"], "trackingUri"),
        ([*SYNC, "--set", "sync.interval=0"], "interval"),
        ([*SYNC, "--set", "sync.webhook.secret=x"], "secret"),
    ],
)
def test_a_mirror_that_could_not_work_is_refused(options: list[str], sentence: str) -> None:
    with pytest.raises(helm.Refused, match=sentence):
        helm.template(*options)
