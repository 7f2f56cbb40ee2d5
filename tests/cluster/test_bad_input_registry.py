"""What the registry does not have, has lost, or holds as nonsense: the user is told, traffic stays, and it heals."""

import pytest

from podium import errors, names
from podium.registry import store
from podium.registry.storage import keys
from tests.support import byhand, installed, models
from tests.support import cluster as support
from tests.support import site as sites


@pytest.fixture
def configmaps(api: support.Api, podium: installed.Podium) -> support.Namespace:
    """The registry's ConfigMaps, as somebody with kubectl reaches them."""
    return support.Namespace(api, podium.registry_namespace)


def test_an_unknown_model_is_told_with_the_nearest_name_and_served_as_soon_as_it_appears(
    site: sites.Site, model: models.NewModel, podium: installed.Podium
) -> None:
    near = model()
    missing = f"{near.name}-x"
    site.apply("iris", missing)
    message = site.stalled("iris", names.MODEL_NOT_FOUND)
    assert f"no registered model '{missing}'; the nearest: '{near.name}'" in message
    assert f"Register it in the registry of namespace '{podium.registry_namespace}'" in message
    late = model(missing)
    assert "in registered model" in site.stalled("iris", names.ALIAS_NOT_FOUND)
    late.set_alias("champion", late.add())
    site.wait_answers("iris", 1)


def test_a_missing_alias_tears_nothing_down_and_heals_when_it_is_set_again(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    served.set_alias("champoin", 1)
    with site.undisturbed("iris", 1):
        served.registry.aliases.delete(served.name, "champion")
        message = site.stalled("iris", names.ALIAS_NOT_FOUND)
        assert f"no alias 'champion' in registered model '{served.name}'; the nearest: 'champoin'" in message
        assert "set_registered_model_alias" in message
        conditions = support.conditions(site.namespace.get("ModelAlias", "iris"))
        assert conditions["Serving"]["status"] == "True"
        assert conditions["RegistrySynced"]["reason"] == names.ALIAS_NOT_FOUND
        served.set_alias("champion", 1)
        site.wait_answers("iris", 1)


def test_a_pinned_version_that_does_not_exist_is_told_and_served_as_soon_as_it_does(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    with site.undisturbed("iris", 1):
        site.apply("iris", served.name, version=2)
        message = site.stalled("iris", names.VERSION_NOT_FOUND)
        assert f"version 2 of '{served.name}' does not exist; the nearest ones: 1" in message
    served.add()
    site.wait_answers("iris", 2)
    assert served.registry.aliases.fresh(served.name, "champion").number == 2


def test_a_model_version_that_stands_alone_waits_for_its_version(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    site.namespace.apply(models.model_version("iris", served.name, 1, site.image))
    message = site.stalled("iris", names.VERSION_NOT_FOUND, kind="ModelVersion")
    assert f"version 1 of '{served.name}' does not exist; it has no version. Register it" in message
    served.add()
    site.namespace.wait_condition("ModelVersion", "iris", "Ready")


def test_deleting_a_version_that_is_served_is_refused_with_the_model_alias_that_serves_it(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    who = f"served by ModelAlias {site.namespace.name}/iris"
    with pytest.raises(errors.InUse, match=f"version 1 of '{served.name}' is {who}: move its alias"):
        served.registry.versions.delete(served.name, 1)
    with pytest.raises(errors.InUse, match=f"is {who}: delete the ModelAlias first"):
        served.registry.models.delete(served.name)
    site.namespace.delete("ModelAlias", "iris")
    support.wait_for("the version to be released", lambda: not served.registry.models.fresh(served.name).serving)
    served.registry.versions.delete(served.name, 1)


@pytest.mark.parametrize("tombstone", [False, True], ids=["its ConfigMap is deleted", "it is made a tombstone"])
def test_a_served_version_deleted_behind_the_registrys_back_keeps_its_traffic_and_is_told(
    site: sites.Site, model: models.NewModel, configmaps: support.Namespace, tombstone: bool
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    two = served.add()
    name = keys.version_name(served.uid, 1)
    with site.undisturbed("iris", 1):
        if tombstone:
            byhand.edit(configmaps.api, configmaps.name, name, {"deleted": "true"})
        else:
            byhand.delete(configmaps.api, configmaps.name, name)
        message = site.stalled("iris", names.VERSION_NOT_FOUND)
        assert f"version 1 of '{served.name}' was deleted; the nearest ones: {two}" in message
        assert support.conditions(site.namespace.get("ModelAlias", "iris"))["Serving"]["status"] == "True"
    served.set_alias("champion", two)
    site.wait_answers("iris", two)


def test_a_model_created_again_under_its_name_is_another_model_and_served_only_when_it_is_accepted(
    site: sites.Site, model: models.NewModel, configmaps: support.Namespace
) -> None:
    served = model()
    served.add()
    site.serve("iris", served, served.add())
    with site.undisturbed("iris", 2):
        byhand.delete_model(configmaps.api, configmaps.name, served.uid)
        site.stalled("iris", names.MODEL_NOT_FOUND)
        again = model(served.name)
        again.set_alias("champion", again.add(models.light(answer=["another"])))
        message = site.stalled("iris", names.MODEL_REPLACED)
        assert f"the registered model '{served.name}' was deleted and created again" in message
        assert f"set the annotation {names.ACCEPT_MODEL_ANNOTATION}={again.uid}" in message
        assert len(site.namespace.list("ModelVersion")) == 1
    annotation = {"metadata": {"annotations": {names.ACCEPT_MODEL_ANNOTATION: again.uid}}}
    site.namespace.api.patch("ModelAlias", site.namespace.name, "iris", annotation)
    site.wait_answers("iris", 1)
    assert support.wait_answers(site.url, site.host("iris"), 1).json() == {"predictions": ["another"]}
    support.wait_for(
        "the claim", lambda: [c.versions for c in again.registry.models.fresh(again.name).serving.values()] == [(1,)]
    )


def test_a_registry_that_is_not_served_is_told_with_the_value_to_set(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    site.apply("iris", served.name, registry={"namespace": "elsewhere"})
    message = site.stalled("iris", names.REGISTRY_NOT_SERVED)
    assert "does not serve the registry of namespace 'elsewhere': add it to the chart's value" in message
    assert "registry.namespaces" in message


def test_an_artifact_that_is_not_on_s3_is_told(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    served.set_alias("champion", served.add(source="file:///tmp/model"))
    site.apply("iris", served.name)
    message = site.stalled("iris", names.SOURCE_UNSUPPORTED)
    assert "'file:///tmp/model', which is not on S3: register a version from a tracking server" in message
    served.set_alias("champion", served.add())
    site.wait_answers("iris", 2)


NONSENSE = {
    "the head's aliases": (lambda uid, name: uid, "aliases", "champion is three"),
    "the head's description": (lambda uid, name: uid, "description", "no JSON"),
    "the head's format": (lambda uid, name: uid, "format", "99"),
    "the claim": (lambda uid, name: keys.claim_name(name), "uid", "some-other-uid"),
    "the version": (lambda uid, name: keys.version_name(uid, 1), "source", "{"),
}
"""What is edited: the ConfigMap's name by the model's uid and name, the key, and what somebody wrote there."""


def test_nonsense_in_registry_configmaps_stalls_their_models_alone_with_the_key_at_fault(
    site: sites.Site, model: models.NewModel, configmaps: support.Namespace, podium: installed.Podium
) -> None:
    well, broken = model(), {f"broken-{number}": model() for number in range(len(NONSENSE))}
    for name, served in {"well": well, **broken}.items():
        served.set_alias("champion", served.add())
        site.apply(name, served.name)
    for name in ("well", *broken):
        site.wait_answers(name, 1)
    faults = [
        (name, configmap(served.uid, served.name), key, value)
        for (name, served), (configmap, key, value) in zip(broken.items(), NONSENSE.values(), strict=True)
    ]
    before = {fault: configmaps.get("ConfigMap", fault[1]) or {} for fault in faults}
    with site.undisturbed("broken-0", 1):
        for _, configmap, key, value in faults:
            byhand.edit(configmaps.api, configmaps.name, configmap, {key: value})
        for name, configmap, key, _ in faults:
            message = site.stalled(name, names.REGISTRY_CORRUPT)
            assert f"registry ConfigMap {configmap}, key '{key}'" in message
            assert f"kubectl edit configmap --field-manager=podium-repair --namespace {configmaps.name}" in message
        well.set_alias("champion", well.add())
        site.wait_answers("well", 2)
        for fault, found in before.items():
            byhand.edit(configmaps.api, configmaps.name, fault[1], {fault[2]: found["data"].get(fault[2])})
        for name in broken:
            site.wait_answers(name, 1)
    assert restarts(configmaps, podium) == 0


def restarts(configmaps: support.Namespace, podium: installed.Podium) -> int:
    """How often the operator's containers were started again."""
    pods = configmaps.api.list("Pod", podium.namespace, "app.kubernetes.io/component=operator")
    assert pods
    return sum(each["restartCount"] for pod in pods for each in pod["status"].get("containerStatuses", []))


def test_the_registry_itself_refuses_a_name_beyond_its_limit(registry: store.Registry) -> None:
    with pytest.raises(errors.InvalidInput, match="3001 characters; a registry takes at most 3000"):
        registry.models.create("x" * 3001)
