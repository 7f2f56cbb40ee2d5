"""The whole life of the two kinds: made, changed, scaled, deleted in every way, with nothing left behind."""

import dataclasses
import typing

import pytest

from demo import kubectl as kubectl_program
from podium import errors, names
from podium.registry import store
from tests.support import cluster as support
from tests.support import installed, models

OF_KUBERNETES = {"Event", "Endpoints", "Pod"}
"""Kinds that others make and remove: Events for an hour, Pods until their grace is over."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A ModelAlias `iris` that serves version 2, with version 1 retired."""

    namespace: support.Namespace
    model: models.Model
    manifest: support.Manifest
    url: str
    host: str
    before: set[tuple[str, str]]
    """Every object of the namespace before it was applied."""

    def apply(self) -> None:
        self.namespace.apply(self.manifest)

    def wait_gone(self) -> None:
        await_end(self.namespace, self.before)

    def pods(self) -> dict[str, tuple[str, int]]:
        """Uid and restarts of each pod that is there to stay, by name."""
        return {
            pod["metadata"]["name"]: (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"])
            for pod in self.namespace.list("Pod", f"{names.MODEL_ALIAS_NAME_LABEL}=iris")
            if "deletionTimestamp" not in pod["metadata"]
        }


@pytest.fixture
def endpoint(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    model: models.NewModel,
) -> Endpoint:
    served, host = model(), f"{namespace.name}.{models.HOST_SUFFIX}"
    one, two = served.add(), served.add()
    spec = {"ingress": models.ingress(host), "rollout": {"overlap": "0s", "previous": {"delay": "1s"}}}
    manifest = models.model_alias("iris", served.name, images.light, **spec)
    made = Endpoint(namespace, served, manifest, cluster.invocations, host, objects(namespace))
    served.set_alias("champion", one)
    made.apply()
    old = namespace.wait_served("iris", one)["status"]["served"]["name"]
    served.set_alias("champion", two)
    namespace.wait_served("iris", two)
    namespace.wait("Deployment", old, "is scaled to 0", lambda found: found["spec"]["replicas"] == 0)
    support.wait_for("the old pod to be gone", lambda: len(made.pods()) == 1)
    support.wait_answers(cluster.invocations, host, two)
    return made


def objects(namespace: support.Namespace) -> set[tuple[str, str]]:
    """Kind and name of every object of a namespace, of every kind that the API server knows."""
    found: set[tuple[str, str]] = set()
    versions = [f"apis/{group['preferredVersion']['groupVersion']}" for group in groups(namespace.api)]
    for version in ["api/v1", *versions]:
        for resource in namespace.api.raw("GET", f"/{version}")["resources"]:
            is_listed = resource["namespaced"] and "list" in resource["verbs"] and "/" not in resource["name"]
            if is_listed and resource["kind"] not in OF_KUBERNETES:
                listed = namespace.api.raw("GET", f"/{version}/namespaces/{namespace.name}/{resource['name']}")
                found |= {(resource["kind"], item["metadata"]["name"]) for item in listed["items"]}
    return found


def await_end(namespace: support.Namespace, before: set[tuple[str, str]]) -> None:
    """Until nothing but that is left."""
    support.wait_for(
        "nothing to be left",
        lambda: objects(namespace) == before,
        describe=lambda: f"left: {objects(namespace) ^ before}",
    )


def groups(api: support.Api) -> list[support.Manifest]:
    listed: list[support.Manifest] = api.raw("GET", "/apis")["groups"]
    return listed


def version_is_released(model: models.Model, version: int) -> bool:
    try:
        model.registry.versions.delete(model.name, version)
    except errors.InUse:
        return False
    return True


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleting_a_modelalias_leaves_no_object_and_releases_the_registrys_claim(
    endpoint: Endpoint, propagation: str
) -> None:
    kinds = {kind for kind, _ in objects(endpoint.namespace) - endpoint.before}
    served_by = {"ModelAlias", "ModelVersion", "Deployment", "Service", "Ingress", "ControllerRevision", "ConfigMap"}
    assert served_by <= kinds
    assert "HorizontalPodAutoscaler" not in kinds
    with pytest.raises(errors.InUse, match=f"{endpoint.namespace.name}/iris"):
        endpoint.model.registry.versions.delete(endpoint.model.name, 2)

    endpoint.namespace.delete("ModelAlias", "iris", propagation)

    endpoint.wait_gone()
    support.wait_for("the claim to be released", lambda: version_is_released(endpoint.model, 2), timeout=10)


def test_deleting_a_modelalias_by_orphaning_keeps_serving_and_creating_it_again_adopts_what_it_left(
    endpoint: Endpoint, registry: store.Registry
) -> None:
    before = endpoint.pods()
    endpoint.namespace.delete("ModelAlias", "iris", "Orphan")
    support.wait_for("the alias to be gone", lambda: endpoint.namespace.get("ModelAlias", "iris") is None)
    support.wait_for(
        "the old claim to be released", lambda: not registry.models.fresh(endpoint.model.name).serving, timeout=10
    )
    support.wait_answers(endpoint.url, endpoint.host, 2)
    assert endpoint.pods() == before

    endpoint.apply()
    again = endpoint.namespace.wait_served("iris", 2)
    assert endpoint.pods() == before
    assert again["status"]["served"]["version"] == 2
    mine = [[again["metadata"]["uid"]]] * 4
    support.wait_for(  # the status is written before the Service and the Ingress are
        "its children to be adopted", lambda: [owner_uids(found) for found in owned(endpoint.namespace)] == mine, 10
    )
    support.wait_for(
        "the new claim",
        lambda: set(registry.models.fresh(endpoint.model.name).serving) == {again["metadata"]["uid"]},
        timeout=10,
    )
    endpoint.namespace.delete("ModelAlias", "iris")
    endpoint.wait_gone()


def owned(namespace: support.Namespace) -> list[support.Manifest]:
    """The two revisions, the Service and the Ingress of the alias."""
    found = [*namespace.list("ModelVersion"), namespace.get("Service", "iris"), namespace.get("Ingress", "iris")]
    return [each for each in found if each is not None]


def owner_uids(found: support.Manifest) -> list[str]:
    return [reference["uid"] for reference in found["metadata"].get("ownerReferences", [])]


def test_an_alias_that_is_deleted_and_created_at_once_serves_again_and_claims_only_for_itself(
    endpoint: Endpoint, registry: store.Registry
) -> None:
    endpoint.namespace.delete("ModelAlias", "iris")
    endpoint.apply()
    again = endpoint.namespace.wait_served("iris", 2)
    support.wait_answers(endpoint.url, endpoint.host, 2)
    own = {again["metadata"]["uid"]}

    def claimants() -> set[str]:
        return set(registry.models.fresh(endpoint.model.name).serving)

    support.wait_for("its claim, and no other", lambda: claimants() == own, timeout=10)
    assert claimants() == own


def test_deleting_a_namespace_with_a_modelalias_and_a_modelversion_never_hangs(
    endpoint: Endpoint, images: installed.Images, registry: store.Registry
) -> None:
    namespace = endpoint.namespace
    namespace.apply(models.model_version("alone", endpoint.model.name, 1, images.light))
    namespace.wait_condition("ModelVersion", "alone", "Ready")
    namespace.api.delete("Namespace", "", namespace.name)
    support.wait_for(
        "the namespace to be gone",
        lambda: namespace.api.get("Namespace", "", namespace.name) is None,
        timeout=60,
        describe=lambda: str((namespace.api.get("Namespace", "", namespace.name) or {}).get("status")),
    )
    support.wait_for(
        "the claim to be released", lambda: not registry.models.fresh(endpoint.model.name).serving, timeout=10
    )
    assert namespace.api.get("Namespace", "", namespace.name) is None


def test_a_modelversion_on_its_own_answers_scales_and_gives_up_its_ingress(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    kubectl: kubectl_program.Kubectl,
    namespace: support.Namespace,
    model: models.NewModel,
) -> None:
    served, host, before = model(), f"{namespace.name}.{models.HOST_SUFFIX}", objects(namespace)
    version = served.add()
    manifest = models.model_version("iris-v1", served.name, version, images.light, ingress=models.ingress(host))
    namespace.apply(manifest)
    namespace.wait_condition("ModelVersion", "iris-v1", "Ready")
    assert support.wait_answers(cluster.invocations, host, version).json() == {"predictions": [version]}

    for replicas in (2, 0, 1):
        kubectl.run("scale", "mv", "iris-v1", f"--replicas={replicas}", f"--namespace={namespace.name}")
        found = namespace.wait(
            "ModelVersion",
            "iris-v1",
            f"has {replicas} pods",
            lambda found: found["status"].get("readyReplicas") == replicas and support.has_condition(found, "Ready"),  # noqa: B023 -- asked at once
        )
        assert found["status"]["replicas"] == replicas

    kubectl.run(
        "patch",
        "mv",
        "iris-v1",
        "--type=json",
        '--patch=[{"op": "remove", "path": "/spec/ingress"}]',
        "-n",
        namespace.name,
    )
    support.wait_for("the Ingress to be gone", lambda: namespace.get("Ingress", "iris-v1") is None, timeout=10)
    namespace.wait_condition("ModelVersion", "iris-v1", "Ready")
    namespace.delete("ModelVersion", "iris-v1")
    await_end(namespace, before)


def test_removing_an_aliass_ingress_deletes_it_and_keeps_the_service(endpoint: Endpoint) -> None:
    service = endpoint.namespace.get("Service", "iris")
    assert service is not None
    spec: dict[str, typing.Any] = {"spec": {"ingress": None}}
    endpoint.namespace.api.patch("ModelAlias", endpoint.namespace.name, "iris", spec)
    support.wait_for("the Ingress to be gone", lambda: endpoint.namespace.get("Ingress", "iris") is None, timeout=10)
    found = endpoint.namespace.wait_served("iris", 2)
    assert found["status"]["url"] == f"http://iris.{endpoint.namespace.name}.svc/invocations"
    again = endpoint.namespace.get("Service", "iris")
    assert again is not None
    assert again["metadata"]["uid"] == service["metadata"]["uid"]


def test_a_modelversion_and_a_modelalias_of_one_name_do_not_fight_for_it(
    endpoint: Endpoint, images: installed.Images
) -> None:
    namespace = endpoint.namespace
    namespace.apply(models.model_version("iris", endpoint.model.name, 1, images.light))
    stalled = namespace.wait_condition("ModelVersion", "iris", "Stalled", reason=names.NAME_TAKEN)
    assert "it belongs to ModelAlias iris" in support.conditions(stalled)["Stalled"]["message"]
    namespace.wait_served("iris", 2)
    support.wait_answers(endpoint.url, endpoint.host, 2)
    before = namespace.get("Service", "iris")
    namespace.delete("ModelVersion", "iris")
    support.wait_for("its Deployment to be gone", lambda: namespace.get("Deployment", "iris") is None)
    assert namespace.get("Service", "iris") == before


def test_a_users_service_under_the_name_that_an_alias_needs_is_left_alone_and_named(
    podium: installed.Podium, images: installed.Images, namespace: support.Namespace, model: models.NewModel
) -> None:
    users = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "iris"},
        "spec": {"selector": {"app": "mine"}, "ports": [{"port": 1234}]},
    }
    before = namespace.apply(users)
    served = model()
    version = served.add()
    served.set_alias("champion", version)
    namespace.apply(models.model_alias("iris", served.name, images.light))
    stalled = namespace.wait_condition("ModelAlias", "iris", "Stalled", reason=names.NAME_TAKEN)
    assert "somebody else made it" in support.conditions(stalled)["Stalled"]["message"]
    after = namespace.get("Service", "iris")
    assert after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    namespace.delete("Service", "iris")
    namespace.wait_served("iris", version, timeout=90)
