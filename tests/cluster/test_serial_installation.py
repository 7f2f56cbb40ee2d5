"""The installation changes under models that serve: upgraded, uninstalled, installed again, and none notices."""

import copy

import pytest

import loadgen
from localcluster import shell
from podium import names
from tests.support import cluster as support
from tests.support import images as image_support
from tests.support import installed, models, operators

pytestmark = pytest.mark.serial

CRDS = ("modelaliases.podium.dev", "modelversions.podium.dev")


@pytest.fixture
def served(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    model: models.NewModel,
    host: str,
) -> models.Model:
    """A model with a version that a ModelAlias serves, and that a ModelVersion serves too."""
    made = model()
    version = made.add()
    made.set_alias("champion", version)
    namespace.apply(models.model_alias("iris", made.name, images.light, ingress=models.ingress(host)))
    namespace.apply(models.model_version("alone", made.name, version, images.light))
    namespace.wait_served("iris", version)
    namespace.wait_condition("ModelVersion", "alone", "Ready")
    support.wait_answers(cluster.invocations, host, version)
    return made


def pods(namespace: support.Namespace) -> dict[str, list[int]]:
    """The restarts of every container, by the pod's uid."""
    return {
        pod["metadata"]["uid"]: [each["restartCount"] for each in pod["status"]["containerStatuses"]]
        for pod in namespace.list("Pod")
    }


def templates(namespace: support.Namespace) -> dict[str, support.Manifest]:
    return {found["metadata"]["name"]: found["spec"]["template"] for found in namespace.list("Deployment")}


def test_uninstalling_leaves_models_serving_and_installing_again_takes_them_over_without_a_restart(
    api: support.Api,
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    served: models.Model,
    host: str,
    record_property: models.Record,
) -> None:
    before = pods(namespace)
    assert len(before) == 2
    uids = {name: crd_uid(api, name) for name in CRDS}
    load = loadgen.running(loadgen.Target(cluster.invocations, host), loadgen.Plan(kept=2, fresh=2, rate=40))
    try:
        with load as sent:
            command = ["helm", "uninstall", podium.release, f"--namespace={podium.namespace}", "--wait"]
            shell.run(command, environment=cluster.environment, timeout=120)
            assert api.get("Deployment", podium.namespace, operators.DEPLOYMENT) is None
            assert {name: crd_uid(api, name) for name in CRDS} == uids
            sent.wait_for_answers(100)
            assert pods(namespace) == before
            podium.upgrade()
            sent.wait_for_answers(100)
    finally:
        podium.upgrade()
    record_property("figure", f"uninstall and install: {sent.result.sent} requests sent, {sent.result.failed} failed")
    assert sent.result.failed == 0, sent.result.describe_failures()
    assert {name: crd_uid(api, name) for name in CRDS} == uids
    assert pods(namespace) == before

    version = served.add()
    served.set_alias("champion", version)
    namespace.wait_served("iris", version)
    support.wait_answers(cluster.invocations, host, version)


def crd_uid(api: support.Api, name: str) -> str:
    found = api.get("CustomResourceDefinition", "", name)
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("name", CRDS)
def test_an_upgrade_really_changes_the_crds(api: support.Api, podium: installed.Podium, name: str) -> None:
    found = api.get("CustomResourceDefinition", "", name)
    assert found is not None
    metadata, [version] = found["metadata"], found["spec"]["versions"]
    older = copy.deepcopy(version)
    dropped = older["additionalPrinterColumns"].pop(0)
    assert dropped["name"] == "Model"
    del older["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["model"]["description"]
    kept = {key: metadata[key] for key in ("name", "labels", "annotations")}
    spec = found["spec"] | {"versions": [older]}
    del spec["conversion"]  # as the API server completes it
    previous = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": kept, "spec": spec}
    changed = api.apply(previous, manager="helm")  # as an older chart has left it
    assert changed["metadata"]["generation"] > metadata["generation"]

    podium.upgrade()

    upgraded = api.get("CustomResourceDefinition", "", name)
    assert upgraded is not None
    assert upgraded["spec"]["versions"] == [version]


def test_an_upgrade_to_other_images_restarts_no_model_and_new_versions_get_them(
    api: support.Api,
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    served: models.Model,
    host: str,
) -> None:
    operator, server = image_support.tagged(images.operator, "next"), image_support.tagged(images.server, "next")
    before, rendered = pods(namespace), templates(namespace)
    load = loadgen.running(loadgen.Target(cluster.invocations, host), loadgen.Plan(kept=2, fresh=2, rate=40))
    try:
        with load as sent:
            podium.upgrade(image=podium.values["image"] | {"operator": operator, "server": server})
            [pod] = [pod for pod in operators.pods(api, podium) if operators.is_ready(pod)]
            assert pod["spec"]["containers"][0]["image"] == operator
            support.wait_for(
                "the new operator to lead", lambda: operators.holder(api, podium) == pod["metadata"]["name"]
            )
            fresh = models.model_version("fresh", served.name, 1, **{"replicas": 0})
            namespace.apply(fresh)
            made = namespace.wait("Deployment", "fresh", "is there", bool)["spec"]["template"]["spec"]
            assert [each["image"] for each in made["initContainers"] + made["containers"]] == [server, server]
            namespace.wait_condition("ModelVersion", "fresh", "Ready", reason=names.SCALED_TO_ZERO)
            served.set_alias("champion", served.add())
            namespace.wait_served("iris", 2)
            sent.wait_for_answers(40)
    finally:
        podium.upgrade()
    assert sent.result.failed == 0, sent.result.describe_failures()
    after = templates(namespace)
    assert {name: after[name] for name in rendered} == rendered
    assert before.items() <= pods(namespace).items()
    [two] = [template for name, template in after.items() if name.startswith("iris-v2-")]
    assert two["spec"]["initContainers"][0]["image"] == server
