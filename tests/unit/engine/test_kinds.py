"""What is known of the two kinds: the newest state of each object, and who concerns whom."""

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from podium import names
from podium.engine import kinds


def alias(name: str, version: int = 1, namespace: str = "models", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "podium.dev/v1beta1",
        "kind": names.MODEL_ALIAS_KIND,
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": str(version)},
        "spec": {"model": "iris", "alias": "champion"} | spec,
    }


def revision(name: str, owner: str | None = "champion", label: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "models", "uid": f"uid-{name}", "resourceVersion": "1"}
    if owner:
        reference = {"apiVersion": "podium.dev/v1beta1", "kind": "ModelAlias", "name": owner, "controller": True}
        metadata["ownerReferences"] = [reference]
    if label:
        metadata["labels"] = {names.MODEL_ALIAS_NAME_LABEL: label, names.MANAGED_BY_LABEL: names.MANAGED_BY}
    kind = names.MODEL_VERSION_KIND
    return {"kind": kind, "metadata": metadata, "spec": {"model": "iris", "version": 1}}


@pytest.fixture
def known() -> kinds.Kinds:
    return kinds.Kinds("registry")


def test_an_older_state_never_replaces_a_newer_one(known: kinds.Kinds) -> None:
    assert known.observe(alias("champion", 12))
    assert not known.observe(alias("champion", 9))
    found = known.get(names.MODEL_ALIAS_KIND, ("models", "champion"))
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "12"


def test_a_state_that_is_known_already_is_no_news(known: kinds.Kinds) -> None:
    assert [known.observe(alias("champion", 12)) for _ in range(3)] == [True, False, False]


def test_late_news_of_a_deleted_object_does_not_bring_it_back(known: kinds.Kinds) -> None:
    known.observe(alias("champion"))
    known.forget(alias("champion", 2))
    assert not known.observe(alias("champion", 3))
    assert known.keys(names.MODEL_ALIAS_KIND) == []


def test_an_object_created_again_under_the_name_is_another_one(known: kinds.Kinds) -> None:
    known.observe(alias("champion", 5))
    again = alias("champion", 6)
    again["metadata"]["uid"] = "another"
    assert known.observe(again)
    known.forget(alias("champion", 7))
    assert known.get(names.MODEL_ALIAS_KIND, ("models", "champion")) == again


@hypothesis.given(st.permutations(["first 1", "first 2", "first is gone", "second 4", "second 5"]))
def test_of_two_objects_of_one_name_the_newer_is_known_in_whatever_order_their_news_come(order: list[str]) -> None:
    known = kinds.Kinds("registry")
    for news in order:
        uid, _, version = news.partition(" ")
        obj = alias("champion", int(version) if version.isdigit() else 3)
        obj["metadata"]["uid"] = uid
        if version.isdigit():
            known.observe(obj)
        else:
            known.forget(obj)
    found = known.get(names.MODEL_ALIAS_KIND, ("models", "champion"))
    assert found is not None
    assert (found["metadata"]["uid"], found["metadata"]["resourceVersion"]) == ("second", "5")


def test_rivals_are_those_with_the_same_host_and_path_or_the_same_alias_in_the_namespace(known: kinds.Kinds) -> None:
    ingress = {"host": "iris.example.com"}
    mine = alias("mine", ingress=ingress)
    known.observe(mine)
    known.observe(alias("same-alias"))
    known.observe(alias("same-host", namespace="elsewhere", model="other", ingress=ingress | {"path": "/"}))
    known.observe(alias("other-path", namespace="elsewhere", ingress=ingress | {"path": "/v2"}))
    known.observe(alias("other-registry", registry={"namespace": "another"}))
    rivals = {(identity[0], rival["metadata"]["name"]) for identity, rival in known.rivals(mine)}
    assert rivals == {("alias", "same-alias"), ("host", "same-host")}


def test_a_host_that_was_given_up_has_no_rival_any_more(known: kinds.Kinds) -> None:
    ingress = {"host": "iris.example.com"}
    known.observe(alias("first", ingress=ingress))
    known.observe(alias("first", 2, ingress={"host": "another.example.com"}))
    assert known.rivals(alias("second", model="other", ingress=ingress)) == []


def test_revisions_are_what_the_alias_owns_and_what_one_of_its_name_left_behind(known: kinds.Kinds) -> None:
    known.observe(revision("champion-v1-aaaaaaaa"))
    known.observe(revision("champion-v1-bbbbbbbb", owner=None, label="champion"))
    known.observe(revision("somebodys-own", owner=None, label="champion"))
    without_mark = revision("champion-v1-dddddddd", owner=None, label="champion")
    del without_mark["metadata"]["labels"][names.MANAGED_BY_LABEL]
    known.observe(without_mark)
    known.observe(revision("champion-v1-cccccccc", owner="another", label="champion"))
    found = {obj["metadata"]["name"] for obj in known.revisions(("models", "champion"))}
    assert found == {"champion-v1-aaaaaaaa", "champion-v1-bbbbbbbb"}


def test_followers_are_found_by_registry_and_model(known: kinds.Kinds) -> None:
    known.observe(alias("champion"))
    known.observe(revision("champion-v1-aaaaaaaa"))
    known.observe(alias("elsewhere", registry={"namespace": "another"}))
    assert known.followers("registry", "iris") == {
        (names.MODEL_ALIAS_KIND, ("models", "champion")),
        (names.MODEL_VERSION_KIND, ("models", "champion-v1-aaaaaaaa")),
    }
    assert known.asking("another") == {(names.MODEL_ALIAS_KIND, ("models", "elsewhere"))}
