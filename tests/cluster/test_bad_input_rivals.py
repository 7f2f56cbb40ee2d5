"""Two that want the same: the younger is told who the older one is, the older one is not touched, and it heals."""

import collections.abc
import time
import uuid

import pytest

from podium import names
from tests.support import cluster as support
from tests.support import models
from tests.support import site as sites

LATER = 1.1
"""Seconds after which another object is younger: creationTimestamp counts whole seconds."""


@pytest.fixture
def second_namespace(site: sites.Site, api: support.Api) -> collections.abc.Iterator[support.Namespace]:
    """Another namespace."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    fresh = support.Namespace(api, name)
    secret = site.namespace.get("Secret", "s3-credentials")
    assert secret is not None
    fresh.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-credentials"}, "data": secret["data"]})
    yield fresh
    api.delete("Namespace", "", name)


def test_of_two_model_aliases_for_one_host_the_younger_waits_until_the_older_is_gone(
    site: sites.Site, model: models.NewModel
) -> None:
    first, second = model(), model()
    second.set_alias("champion", second.add(models.light(answer=["second"])))
    site.serve("older", first, first.add())
    time.sleep(LATER)
    before = site.states("older")
    assert len(before) == 9
    with site.undisturbed("older", 1):
        site.apply("younger", second.name, ingress=models.ingress(site.host("older")))
        message = site.stalled("younger", names.HOST_CONFLICT)
        assert f"ModelAlias {site.namespace.name}/older is older and has host '{site.host('older')}'" in message
        assert "write another host or path in spec.ingress" in message
        assert site.states("older") == before
    assert site.namespace.list("ModelVersion", f"{names.MODEL_ALIAS_NAME_LABEL}=younger") == []
    site.namespace.delete("ModelAlias", "older")
    site.namespace.wait_served("younger", 1)
    support.wait_for(
        "the younger one's answer",
        lambda: support.ask(site.url, site.host("older")).text == '{"predictions": ["second"]}',
    )


def test_a_host_is_one_in_all_namespaces_and_another_path_of_it_is_free(
    site: sites.Site, second_namespace: support.Namespace, model: models.NewModel
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    time.sleep(LATER)
    elsewhere = sites.Site(second_namespace, site.image, site.url)
    same = models.ingress(site.host("iris"))
    before = site.states("iris")
    elsewhere.apply("iris", served.name, ingress=same)
    message = elsewhere.stalled("iris", names.HOST_CONFLICT)
    assert f"ModelAlias {site.namespace.name}/iris is older" in message
    elsewhere.apply("iris", served.name, ingress=same | {"path": "/other"})
    second_namespace.wait_served("iris", 1)
    assert site.states("iris") == before


def test_a_host_that_is_taken_later_moves_no_traffic_and_leaves_the_ingress_as_it_was(
    site: sites.Site, model: models.NewModel
) -> None:
    first, second = model(), model()
    site.serve("older", first, first.add())
    time.sleep(LATER)
    site.serve("younger", second, second.add())
    with site.undisturbed("older", 1), site.undisturbed("younger", 1):
        site.apply("younger", second.name, ingress=models.ingress(site.host("older")))
        site.stalled("younger", names.HOST_CONFLICT)
        ingress = site.namespace.get("Ingress", "younger")
        assert ingress is not None
        assert ingress["spec"]["rules"][0]["host"] == site.host("younger")
        site.apply("younger", second.name)
        site.wait_answers("younger", 1)


def test_of_two_model_aliases_for_one_alias_in_a_namespace_the_younger_waits_until_the_older_is_gone(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    site.serve("older", served, served.add())
    time.sleep(LATER)
    before = site.states("older")
    site.apply("younger", served.name)
    message = site.stalled("younger", names.ALIAS_CONFLICT)
    assert f"ModelAlias {site.namespace.name}/older is older and serves alias 'champion' of '{served.name}'" in message
    assert "delete one of the two" in message
    assert site.states("older") == before
    site.namespace.delete("ModelAlias", "older")
    site.wait_answers("younger", 1)


def test_the_same_alias_is_served_in_two_namespaces_but_pinned_in_one(
    site: sites.Site, second_namespace: support.Namespace, model: models.NewModel
) -> None:
    served = model()
    served.add()
    served.set_alias("champion", served.add())
    site.apply("iris", served.name, version=2)
    site.wait_answers("iris", 2)
    elsewhere = sites.Site(second_namespace, site.image, site.url)
    elsewhere.apply("iris", served.name, version=1)
    message = elsewhere.stalled("iris", names.ALIAS_OWNED_ELSEWHERE)
    assert f"ModelAlias {site.namespace.name}/iris pins alias 'champion' of '{served.name}' already" in message
    assert "remove spec.version here to follow it" in message
    elsewhere.namespace.api.patch("ModelAlias", second_namespace.name, "iris", {"spec": {"version": None}})
    elsewhere.wait_answers("iris", 2)
    site.namespace.delete("ModelAlias", "iris")
    elsewhere.apply("iris", served.name, version=1)
    elsewhere.wait_answers("iris", 1)


def test_an_ingress_that_the_api_server_refuses_is_told_and_the_service_answers(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    served.set_alias("champion", served.add())
    ingress = models.ingress(site.host("iris")) | {"annotations": {"no name at all!": "x"}}
    site.apply("iris", served.name, ingress=ingress)
    message = site.stalled("iris", "Refused")
    assert "no name at all!" in message
    found = site.namespace.wait("ModelAlias", "iris", "serves version 1", lambda found: support.served(found) == 1)
    assert support.conditions(found)["Serving"]["status"] == "True"
    site.apply("iris", served.name)
    site.wait_answers("iris", 1)
