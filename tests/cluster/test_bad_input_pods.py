"""Pods that cannot serve: Stalled with the container's own last words, no switch, and the old version answers."""

import typing

import pytest

from podium import names
from tests.support import cluster as support
from tests.support import models
from tests.support import site as sites

MISSING_IMAGE = "127.0.0.1:1/podium/missing:1"


def replaced(site: sites.Site, model: models.NewModel, files: models.Files, **spec: typing.Any) -> models.Model:
    """Version 1 is served; `champion` now designates version 2, which is made of these files."""
    served = model()
    site.serve("iris", served, served.add(), **spec)
    served.add(files)
    return served


def assert_not_switched(site: sites.Site) -> None:
    found = site.namespace.get("ModelAlias", "iris")
    assert support.served(found) == 1
    assert support.conditions(found)["Serving"]["status"] == "True"
    service = site.namespace.get("Service", "iris")
    assert service is not None
    assert service["spec"]["selector"][names.MODEL_VERSION_NAME_LABEL] == site.revision(1)["metadata"]["name"]


TROUBLES = {
    "the model does not load": (
        "load",
        "the server ended with exit code 1 (Error): the model does not load: ModuleNotFoundError: No module named "
        "'xgboost'",
    ),
    "the container crashes as it begins to serve": (
        "crash",
        "the server ended with exit code 1 (Error): the light server was told to crash",
    ),
}


@pytest.mark.parametrize(("fail", "words"), TROUBLES.values(), ids=TROUBLES)
def test_a_server_that_ends_is_told_in_its_last_words_and_receives_no_traffic(
    site: sites.Site, model: models.NewModel, fail: str, words: str
) -> None:
    served = replaced(site, model, models.light(fail=fail))
    with site.undisturbed("iris", 1) as load:
        served.set_alias("champion", 2)
        message = site.stalled("iris", names.CONTAINER_CRASHED)
        assert message.startswith(f"version 2: pod {site.revision(2)['metadata']['name']}-")
        assert words in message
        load.wait_for_answers(100)  # some seconds more, in which it is started again
        assert_not_switched(site)
    served.set_alias("champion", served.add())
    site.wait_answers("iris", 3)


def test_a_server_that_is_started_again_to_fork_no_worker_is_no_trouble_and_says_why(
    site: sites.Site, model: models.NewModel
) -> None:
    served = replaced(site, model, models.light(fail="fork"))
    served.set_alias("champion", 2)
    site.wait_answers("iris", 2)
    assert site.revision(2)["status"]["workerStart"] == "the light server was told not to fork"
    assert "workerStart" not in site.revision(1)["status"]


def test_an_image_that_is_missing_is_told_with_its_name_and_what_to_do(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    with site.undisturbed("iris", 1):
        site.apply("iris", served.name, MISSING_IMAGE)
        message = site.stalled("iris", names.IMAGE_PULL_FAILED)
        assert "container server: " in message
        assert MISSING_IMAGE in message
        assert "Correct runtime.image, or name a Secret for pulling it in podTemplate.imagePullSecrets" in message
        site.apply("iris", served.name)
        site.wait_answers("iris", 1)


def test_a_version_that_is_never_healthy_fails_after_its_deadline_and_is_tried_again_when_asked(
    site: sites.Site, model: models.NewModel
) -> None:
    served = replaced(site, model, models.light(fail="health"), template=models.impatient())
    with site.undisturbed("iris", 1):
        served.set_alias("champion", 2)
        candidate = site.namespace.wait_phase("iris", "Preparing", 2)["status"]["rollout"]["to"]["name"]
        site.namespace.wait_condition("ModelVersion", candidate, names.ARTIFACT_READY)
        short = {"spec": {"rollout": {"progressDeadline": "20s"}}}  # only now: a pull may take longer on a busy machine
        site.namespace.api.patch("ModelAlias", site.namespace.name, "iris", short)
        failed = site.namespace.wait_phase("iris", "Failed", 2)
        message = support.conditions(failed)["Stalled"]["message"]
        assert message.startswith("version 2 was not Ready within 20s: ")
        assert "/health" in message  # by then the kubelet has stopped the server, or not yet
        assert f"the annotation {names.RETRY_ANNOTATION} changes" in message
        assert_not_switched(site)
        site.namespace.wait("ModelVersion", candidate, "is scaled to 0", is_without_pods)
        annotation = {"metadata": {"annotations": {names.RETRY_ANNOTATION: "again"}}}
        site.namespace.api.patch("ModelAlias", site.namespace.name, "iris", annotation)
        site.namespace.wait_condition("ModelAlias", "iris", "Reconciling", reason="Preparing")
        found = site.namespace.wait_phase("iris", "Failed", 2)
        assert [entry["outcome"] for entry in found["status"]["history"]] == ["Failed", "Failed", "Switched"]


def is_without_pods(found: support.Manifest) -> bool:
    return found["spec"]["replicas"] == 0 and not found["status"].get("replicas")


def test_a_server_that_the_kubelet_stops_because_it_is_not_healthy_in_time_is_told_with_the_probe_to_change(
    site: sites.Site, model: models.NewModel
) -> None:
    probes = models.template()["probes"] | {"startup": {"failureThreshold": 3}}
    served = replaced(site, model, models.light(fail="health"), template={"probes": probes})
    with site.undisturbed("iris", 1):
        served.set_alias("champion", 2)
        message = site.stalled("iris", names.CONTAINER_CRASHED)
        assert "because /health did not answer in time" in message
        assert "raise probes.startup.failureThreshold if the model needs longer to load" in message
        assert_not_switched(site)


def test_pods_that_a_quota_refuses_are_told_in_its_words(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    site.serve("iris", served, served.add())
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "one-pod"},
        "spec": {"hard": {"pods": 1}},
    }
    site.namespace.apply(quota)
    site.namespace.wait("ResourceQuota", "one-pod", "counts", lambda found: found.get("status", {}).get("used"))
    with site.undisturbed("iris", 1):
        served.set_alias("champion", served.add())
        message = site.stalled("iris", names.PODS_REFUSED)
        assert "exceeded quota: one-pod" in message
        assert_not_switched(site)


def test_the_real_server_tells_why_a_model_does_not_load(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    files = models.real(1)
    broken = {path: b"this is no model" if path.startswith("model.") else content for path, content in files.items()}
    assert broken != files
    served.set_alias("champion", served.add(broken))
    site.namespace.apply(models.model_alias("iris", served.name))
    message = site.stalled("iris", names.CONTAINER_CRASHED, timeout=120)
    assert "the server ended with exit code" in message
    assert "the model does not load" in message
