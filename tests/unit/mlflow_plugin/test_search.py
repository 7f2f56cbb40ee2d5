"""Searches on values: what a condition means, as PostgreSQL says it, and what a page is."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from mlflow import exceptions

from podium import errors, names
from podium.mlflow_plugin import search, store
from podium.registry import catalog
from podium.registry import store as registries
from podium.registry.model import entities
from podium.registry.storage import backend, memory

PROMPT = "mlflow.prompt.is_prompt"


def head(name: str, **fields: Any) -> entities.Head:
    return entities.Head(f"uid-{name}", name, **fields)


def found(text: str, *names: str) -> list[str]:
    """Which of the models meet the filter."""
    page = search.parse_model_search(text, 1000, None, None).page([head(name) for name in sorted(names)])
    return [each.name for each in page.rows]


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        pytest.param("name LIKE 'a%'", ["a", "ab", "a\nb"], ["A", "ba"], id="any text, line breaks included"),
        pytest.param("name LIKE 'a_'", ["ab", "aé"], ["a", "abc"], id="one character"),
        pytest.param("name LIKE 'a\\%'", ["a%"], ["ab", "a\\%"], id="a backslash takes the sign as it is"),
        pytest.param("name LIKE 'a\\\\b'", ["a\\b"], ["ab", "a\\\\b"], id="two backslashes are one"),
        pytest.param("name LIKE 'a.c'", ["a.c"], ["abc"], id="no regular expression"),
        pytest.param("name ILIKE 'É%'", ["é", "Éa"], ["e"], id="letters of any alphabet"),
        pytest.param("name ILIKE 'ΑΣ'", ["ας".replace("ς", "σ")], ["ας"], id="letter by letter"),
        pytest.param("name ILIKE 'İ_'", ["ia"], ["i"], id="a letter stays one letter"),
    ],
)
def test_patterns_match_as_in_postgresql(pattern: str, matching: list[str], others: list[str]) -> None:
    assert found(pattern, *matching, *others) == sorted(matching)


def test_a_pattern_that_ends_in_a_backslash_is_refused_with_what_to_write() -> None:
    with pytest.raises(errors.InvalidInput, match="write two for one"):
        search.parse_model_search("name LIKE 'a\\'", 1, None, None)


@pytest.mark.parametrize("comparator", ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"])
def test_nothing_meets_no_condition(comparator: str) -> None:
    expected: Any = ("a",) if comparator in search.LIST_COMPARATORS else "a"
    assert search.build_filter(lambda _: None, comparator, expected)([object()]) == []


@pytest.mark.parametrize("comparator", ["=", "!=", "LIKE", "ILIKE", "<", ">"])
def test_a_list_beside_a_comparator_of_one_value_is_refused(comparator: str) -> None:
    with pytest.raises(exceptions.MlflowException, match="Invalid value"):
        search.build_filter(str, comparator, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("name = 'a'", {"a"}, id="one"),
        pytest.param("name IN ('a', 'b')", {"a", "b"}, id="a list"),
        pytest.param("name IN ('a', 'b') AND name = 'b'", {"b"}, id="both"),
        pytest.param("name = 'a' AND name = 'b'", set(), id="none can be both"),
        pytest.param("name LIKE 'a'", None, id="a pattern"),
        pytest.param("tags.name = 'a'", None, id="a tag of that name"),
        pytest.param("run_id = 'a'", None, id="something else"),
    ],
)
def test_the_names_that_results_can_have_are_known_before_anything_is_searched(
    text: str, names: set[str] | None
) -> None:
    known = search.parse_version_search(text, 1, None, None).names
    assert (None if known is None else set(known)) == names


def test_pages_follow_each_other_without_gap_or_double() -> None:
    heads = [head(f"m{number:02}", updated_ms=number % 3) for number in range(10)]
    token, seen = None, []
    while True:
        page = search.parse_model_search(None, 3, ["timestamp DESC"], token).page(heads)
        seen += [each.name for each in page.rows]
        if not (token := page.token):
            break
    assert seen == [each.name for each in sorted(heads, key=lambda each: (-each.updated_ms, each.name))]


def test_a_model_with_a_version_of_a_prompt_is_hidden_with_all_its_versions() -> None:
    prompt, model = head("p", last_version=2), head("m", last_version=1)
    tagged = entities.Version(prompt.uid, 2, "s3://b", tags={PROMPT: "true"})
    versions = [
        catalog.VersionList(model, {1: entities.Version(model.uid, 1, "s3://b")}),
        catalog.VersionList(prompt, {1: entities.Version(prompt.uid, 1, "s3://b"), 2: tagged}),
    ]
    hidden = search.parse_version_search("version_number = 1", 10, None, None).page(versions)
    assert [(each.name, version.number) for each, version in hidden.rows] == [("m", 1)]
    shown = search.parse_version_search(f"tags.`{PROMPT}` = 'true'", 10, None, None).page(versions)
    assert [(each.name, version.number) for each, version in shown.rows] == [("p", 2)]


def test_a_search_by_name_asks_for_no_other_model() -> None:
    class Watched(memory.MemoryBackend):
        asked: ClassVar[list[str]] = []

        def list(self, labels: Mapping[str, str]) -> list[backend.Record]:
            self.asked.append(labels.get(names.REGISTRY_UID_LABEL, "all"))
            return super().list(labels)

    registry = registries.Registry(Watched())
    opened = store.RegistryStore("configmap://models", None, lambda: registry)
    for name in ("iris", "other"):
        opened.create_registered_model(name)
        opened.create_model_version(name, "s3://b/1")
    Watched.asked.clear()
    for text in ("name = 'iris'", "name IN ('iris', 'nobody') AND name LIKE '%'"):
        opened.search_registered_models(text)
        opened.search_model_versions(text)
    assert set(Watched.asked) <= {registry.models.fresh("iris").uid}
