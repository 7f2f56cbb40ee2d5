"""What the operator is told about models, versions and aliases from what a watch has seen."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors, names
from podium.registry import catalog
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys
from tests.unit.registry import factories

UID = factories.UID


def filled(*heads: entities.Head) -> catalog.Catalog:
    """A catalog of these models, each with its claim and all its versions."""
    index = catalog.Catalog()
    for head in heads:
        index.put(codec.encode_claim(entities.Claim(head.name, head.uid)))
        index.put(codec.encode_head(head))
        for number in range(1, head.last_version + 1):
            index.put(codec.encode_version(factories.version(model_uid=head.uid, number=number)))
    return index


def test_a_model_its_versions_and_aliases_are_found() -> None:
    index = filled(factories.head())
    head = index.get_model("iris")
    assert head == factories.head()
    assert index.version(head, index.designated(head, "champion")) == factories.version(number=1)


def test_every_change_says_which_models_it_concerns() -> None:
    index = catalog.Catalog()
    assert index.put(codec.encode_claim(entities.Claim("iris", UID))) == {UID}
    assert index.put(codec.encode_head(factories.head())) == {UID}
    assert index.put(codec.encode_version(factories.version())) == {UID}
    assert index.remove(keys.version_name(UID, 1)) == {UID}
    assert index.remove("unknown") == set()


def test_a_claim_that_is_taken_over_concerns_both_models() -> None:
    index = filled(factories.head())
    assert index.put(codec.encode_claim(entities.Claim("iris", "other"))) == {UID, "other"}


def test_a_configmap_of_another_kind_concerns_nobody() -> None:
    index = catalog.Catalog()
    record = backend.Record("other", keys.labels("other", ""), {})
    assert index.put(record) == set()
    assert index.put(backend.Record("anything", {}, {"a": "b"})) == set()


MISSING: dict[str, tuple[entities.Head | None, bool]] = {
    "a model that was never made": (None, False),
    "a head without a claim": (factories.head(), False),
    "a claim without a head": (None, True),
    "a head with another name": (factories.head(name="renamed"), True),
    "a head whose deletion is decided": (factories.head(is_deleted=True), True),
}


@pytest.mark.parametrize(("head", "has_claim"), MISSING.values(), ids=MISSING)
def test_a_model_is_not_found(head: entities.Head | None, has_claim: bool) -> None:
    index = catalog.Catalog()
    if head:
        index.put(codec.encode_head(head))
    if has_claim:
        index.put(codec.encode_claim(entities.Claim("iris", UID)))
    with pytest.raises(errors.NotFound) as caught:
        index.get_model("iris")
    assert caught.value.what == "model"
    assert list(index.heads()) == []


def test_the_nearest_models_are_named() -> None:
    index = filled(factories.head(), factories.head(uid="fraud-x", name="Fraud"))
    with pytest.raises(errors.NotFound, match="no registered model 'irsi'; the nearest: 'iris'"):
        index.get_model("irsi")
    with pytest.raises(errors.NotFound, match="the nearest: 'Fraud'"):
        index.get_model("fraud")
    with pytest.raises(errors.NotFound, match="; it has: 'Fraud', 'iris'"):
        index.get_model("zzzzzzzz")


def test_names_of_3000_characters_make_short_sentences() -> None:
    index = filled(factories.head(name="x" * 3_000))
    with pytest.raises(errors.NotFound) as caught:
        index.get_model("x" * 2_999)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (4, "version 4 of 'iris' does not exist; the nearest ones: 3"),
        (0, "version 0 of 'iris' does not exist; the nearest ones: 1"),
        (2, "version 2 of 'iris' was deleted; the nearest ones: 1, 3"),
        (10**8, "does not exist; the nearest ones: 3"),
    ],
    ids=["above the last", "below the first", "deleted", "far above"],
)
def test_the_nearest_versions_are_named(number: int, text: str) -> None:
    index = filled(factories.head())
    index.put(codec.encode_version(factories.version(number=2, deleted=True)))
    with pytest.raises(errors.NotFound) as caught:
        index.version(index.get_model("iris"), number)
    assert text in str(caught.value)
    assert caught.value.what == "version"


def test_a_version_above_the_last_is_not_there_yet() -> None:
    index = filled(factories.head())
    index.put(codec.encode_version(factories.version(number=4)))
    with pytest.raises(errors.NotFound, match="does not exist"):
        index.version(index.get_model("iris"), 4)


def test_a_version_whose_deletion_is_decided_is_gone() -> None:
    index = filled(factories.head(deleting=(2,)))
    with pytest.raises(errors.NotFound, match="was deleted; the nearest ones: 1, 3"):
        index.version(index.get_model("iris"), 2)


def test_the_nearest_aliases_are_named() -> None:
    head = factories.head()
    with pytest.raises(
        errors.NotFound, match="no alias 'champoin' in registered model 'iris'; the nearest: 'champion'"
    ):
        filled(head).designated(head, "champoin")
    with pytest.raises(errors.NotFound, match="it has none"):
        filled(head).designated(factories.head(aliases={}), "champion")


def test_a_broken_configmap_stops_its_own_model_only() -> None:
    index = filled(factories.head(), factories.head(uid="fraud-x", name="fraud"))
    assert index.put(broken(codec.encode_head(factories.head()), "lastVersion")) == {UID}
    with pytest.raises(errors.CorruptRegistry) as caught:
        index.get_model("iris")
    assert (caught.value.object_name, caught.value.key) == (UID, "lastVersion")
    assert index.get_model("fraud").name == "fraud"
    assert [head.name for head in index.heads()] == ["fraud"]
    assert index.find_model_of_uid(UID) is None


def test_a_broken_claim_is_raised_to_whoever_asks_for_that_name() -> None:
    index = filled(factories.head())
    index.put(broken(codec.encode_claim(entities.Claim("iris", UID)), "name"))
    with pytest.raises(errors.CorruptRegistry, match="podium-claim-"):
        index.get_model("iris")


def test_a_broken_version_is_raised_to_whoever_asks_for_it() -> None:
    index = filled(factories.head())
    index.put(broken(codec.encode_version(factories.version(number=2)), "source"))
    head = index.get_model("iris")
    with pytest.raises(errors.CorruptRegistry, match=f"{UID}-2, key 'source'"):
        index.version(head, 2)
    assert index.version(head, 1).number == 1


def test_a_broken_configmap_that_is_repaired_or_removed_is_forgotten() -> None:
    index = filled(factories.head())
    index.put(broken(codec.encode_head(factories.head()), "lastVersion"))
    index.put(codec.encode_head(factories.head()))
    assert index.get_model("iris") == index.find_model_of_uid(UID) == factories.head()


def test_a_configmap_that_lost_its_labels_is_gone_for_the_model_that_it_belonged_to() -> None:
    index = filled(factories.head())
    assert index.put(dataclasses.replace(codec.encode_head(factories.head()), labels={})) == {UID}
    with pytest.raises(errors.NotFound):
        index.get_model("iris")


def test_a_configmap_whose_kind_was_edited_does_not_count_twice() -> None:
    index = filled(factories.head())
    labels = {names.REGISTRY_KIND_LABEL: keys.VERSION, names.REGISTRY_UID_LABEL: UID}
    index.put(dataclasses.replace(codec.encode_head(factories.head()), labels=labels))
    with pytest.raises(errors.NotFound):
        index.get_model("iris")


def broken(record: backend.Record, key: str) -> backend.Record:
    """The same ConfigMap with nonsense under one key."""
    return dataclasses.replace(record, data={**record.data, key: "{nonsense"})


def test_lists_are_in_order_and_hold_what_is_there() -> None:
    later = factories.head(uid="wine-x", name="wine", last_version=2, deleting=(2,))
    index = filled(later, factories.head(), factories.head(uid="gone-x", name="gone", is_deleted=True))
    index.put(codec.encode_version(factories.version(number=4)))  # not committed
    index.put(codec.encode_version(factories.version(number=2, deleted=True)))
    assert [head.name for head in index.models()] == ["iris", "wine"]
    assert [[(head.name, version.number) for head, version in each] for each in index.versions()] == [
        [("iris", 3), ("iris", 1)],
        [("wine", 1)],
    ]
    assert index.versions_of("wine") == ((later, factories.version(model_uid="wine-x")),)
    assert index.versions_of("gone") is None


def test_a_list_holds_each_change_that_came_before_it() -> None:
    index = filled(factories.head())
    assert index.versions_of("iris")
    index.put(codec.encode_version(factories.version(number=3, tags={"a": "b"})))
    index.put(codec.encode_head(factories.head(description="new")))
    index.remove(keys.version_name(UID, 2))
    found = index.versions_of("iris") or []
    assert [(head.description, version.number) for head, version in found] == [("new", 3), ("new", 1)]
    assert found[0][1].tags == {"a": "b"}
    index.remove(keys.claim_name("iris"))
    assert (index.models(), index.versions(), index.versions_of("iris")) == ([], [], None)


def test_a_list_is_the_callers_own() -> None:
    index = filled(factories.head())
    index.models().clear()
    index.versions().clear()
    assert len(index.models()) == 1
    assert [len(each) for each in index.versions()] == [len(index.versions_of("iris") or ())] == [3]


def test_what_another_catalog_knows_is_taken_over_as_it_is() -> None:
    index, other = catalog.Catalog(), filled(factories.head())
    broken = dataclasses.replace(codec.encode_head(factories.head(uid="broken")), name="broken", data={})
    other.put(broken)
    for name in (keys.claim_name("iris"), UID, *(keys.version_name(UID, number) for number in (1, 2)), "broken", "?"):
        index.adopt(other, name)
    [head] = index.models()
    assert head is other.models()[0]
    assert [[version.number for _, version in each] for each in index.versions()] == [[2, 1]]
    assert [bool(index.fault(name)) for name in ("broken", UID, "?")] == [True, False, False]


TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y"]))


@given(st.lists(TAGS, max_size=6), st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "x", "z"]))))
def test_versions_are_found_by_a_tag_as_by_a_look_at_each(
    tags: list[dict[str, str]], asked: list[tuple[str, str]]
) -> None:
    head = entities.Head("uid", "iris", last_version=len(tags))
    versions = {number: entities.Version("uid", number, "s3://b", tags=own) for number, own in enumerate(tags, 1)}
    found = catalog.VersionList(head, versions)
    assert [version.number for _, version in found] == list(range(len(tags), 0, -1))
    for key, value in asked:
        assert list(found.tagged(key, value)) == [pair for pair in found if pair[1].tags.get(key) == value]


def test_searches_by_ever_other_keys_take_no_more_memory() -> None:
    head = entities.Head("uid", "iris", last_version=1)
    found = catalog.VersionList(head, {1: entities.Version("uid", 1, "s3://b", tags={"a": "x"})})
    for number in range(10 * catalog.KEYS_KEPT):
        assert not found.tagged(f"key-{number}", "x")
    assert len(found._by_tag) <= catalog.KEYS_KEPT
    assert len(found.tagged("a", "x")) == 1
