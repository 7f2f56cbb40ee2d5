"""Search: the filters, orders and pages of MLflow's two searches, on values that were read before.

MLflow's parsers read the texts, so that what they refuse is refused in their words. Offered: conditions on the
attributes below, joined by AND, and whether prompts are searched for; any other condition is refused by its name.
As in MLflow's SQL store, prompts are left out unless the filter asks for them, an attribute that is None meets no
condition, and a page's token is an offset.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from mlflow import exceptions
from mlflow.prompt import constants
from mlflow.protos import databricks_pb2
from mlflow.store import model_registry
from mlflow.store.entities import paged_list
from mlflow.utils import search_utils

from podium import errors
from podium.registry import entities

T = TypeVar("T")
Condition = dict[str, Any]
VersionOf = tuple[entities.Head, entities.Version]

MODELS_LIMIT: int = model_registry.SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD
VERSIONS_LIMIT: int = model_registry.SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD
_OFFERED = {"name": ("=", "LIKE", "ILIKE", "IN"), "run_id": ("=", "IN"), "source_path": ("=",)}
"""By attribute; a model has the name only."""
_VERSION_ORDER = ("last_updated_timestamp DESC", "name ASC", "version_number DESC")


def parse_model_filter(text: str | None) -> list[Condition]:
    """The conditions of a search for models. Raises MlflowException, and NotOffered for what is not there yet."""
    return _offered(search_utils.SearchModelUtils.parse_search_filter(text))


def parse_version_filter(text: str | None) -> list[Condition]:
    """The conditions of a search for versions. Raises as parse_model_filter."""
    return _offered(search_utils.SearchModelVersionUtils.parse_search_filter(text))


def exact_name(conditions: Iterable[Condition]) -> str | None:
    """The name that all results have, if the filter says so."""
    names = [each["value"] for each in conditions if each["key"] == "name" and each["comparator"] == "="]
    return names[0] if names else None


def select_models(heads: Iterable[entities.Head], conditions: Sequence[Condition]) -> list[entities.Head]:
    """The models that meet all conditions, prompts only if asked for."""
    wants_prompts = _wants_prompts(conditions)
    return [
        head
        for head in heads
        if _is_prompt(head.tags) == wants_prompts
        and all(_holds(each, {"name": head.name}, head.tags, wants_prompts) for each in conditions)
    ]


def select_versions(found: Iterable[VersionOf], conditions: Sequence[Condition]) -> list[VersionOf]:
    """The versions that meet all conditions; of a model that has a version of a prompt, all or none are one."""
    wants_prompts = _wants_prompts(conditions)
    found = list(found)
    prompts = {head.uid for head, version in found if _is_prompt(version.tags)}
    return [
        (head, version)
        for head, version in found
        if (wants_prompts or head.uid not in prompts)
        and all(_holds(each, _attributes(head, version), version.tags, wants_prompts) for each in conditions)
    ]


def order_models(heads: Iterable[entities.Head], order_by: Sequence[str] | None) -> list[entities.Head]:
    """By these clauses, then by name. Raises MlflowException."""
    clauses = [search_utils.SearchUtils.parse_order_by_for_search_registered_models(text) for text in order_by or ()]
    fields = [("name" if key == "name" else "updated_ms", is_ascending) for key, is_ascending in clauses]
    _check_distinct([field for field, _ in fields], order_by)
    return _sorted(heads, [*fields, ("name", True)], getattr)


def order_versions(found: Iterable[VersionOf], order_by: Sequence[str] | None) -> list[VersionOf]:
    """By these clauses (else the latest update first), then by name, the newest first. Raises MlflowException."""
    parse = search_utils.SearchModelVersionUtils.parse_order_by_for_search_model_versions
    clauses = [parse(text)[1:] for text in order_by or _VERSION_ORDER]
    _check_distinct([key for key, _ in clauses], order_by)
    return _sorted(found, [*clauses, ("name", True), ("version_number", False)], _version_sort_value)


def check_max_results(count: Any, limit: int, *, is_zero_allowed: bool) -> None:
    """Raises MlflowException; a search for models takes 0 and -1 too, and finds nothing."""
    if not isinstance(count, int) or count < (-1 if is_zero_allowed else 1):
        raise exceptions.MlflowException(
            f"Invalid value for max_results. It must be a positive integer, but got {count}",
            databricks_pb2.INVALID_PARAMETER_VALUE,
        )
    if count > limit:
        raise exceptions.MlflowException(
            f"Invalid value for request parameter max_results. It must be at most {limit}, but got value {count}",
            databricks_pb2.INVALID_PARAMETER_VALUE,
        )


def page(items: Sequence[T], max_results: int, page_token: str | None, build: Callable[[list[T]], list[Any]]) -> Any:
    """One page of `items` as a PagedList of what `build` makes of it. Raises MlflowException for a bad token."""
    offset = max(0, search_utils.SearchUtils.parse_start_offset_from_page_token(page_token))
    rows = items[offset : offset + max_results + 1]  # one more, to know whether there is a next page
    has_more = len(rows) == max_results + 1
    token = search_utils.SearchUtils.create_page_token(offset + max_results) if has_more else None
    return paged_list.PagedList(build(list(rows[: max(0, max_results)])), token)


def _offered(conditions: list[Condition]) -> list[Condition]:
    for each in conditions:
        key, comparator = each["key"], each["comparator"]
        if each["type"] == "tag":
            if key != constants.IS_PROMPT_TAG_KEY or comparator not in ("=", "!="):
                raise errors.NotOffered(f"a search by tag ({key} {comparator} …) is not offered yet by this registry")
        elif comparator not in _OFFERED.get(key, ()):
            raise errors.NotOffered(
                f"a search by {key} {comparator} … is not offered yet by this registry; offered are "
                + ", ".join(f"{name} {'/'.join(comparators)}" for name, comparators in _OFFERED.items())
            )
    return conditions


def _wants_prompts(conditions: Iterable[Condition]) -> bool:
    """What MLflow's SQL store asks, of the first condition on the tag that makes a prompt."""
    for each in conditions:
        if each["type"] == "tag":
            value = str(each["value"]).lower()
            return (each["comparator"], value) in (("=", "true"), ("!=", "false"))
    return False


def _is_prompt(tags: entities.Tags) -> bool:
    return tags.get(constants.IS_PROMPT_TAG_KEY) == "true"


def _attributes(head: entities.Head, version: entities.Version) -> dict[str, str | None]:
    return {"name": head.name, "run_id": version.run_id, "source_path": version.source}


def _holds(
    condition: Condition, attributes: Mapping[str, str | None], tags: entities.Tags, wants_prompts: bool
) -> bool:
    comparator: str = condition["comparator"]
    expected: Any = condition["value"]
    if condition["type"] == "tag":
        value = tags.get(constants.IS_PROMPT_TAG_KEY)
        return not wants_prompts or (value is not None and bool(value == expected) == (comparator == "="))
    actual = attributes[condition["key"]]
    if actual is None:
        return False
    if comparator == "=":
        return bool(actual == expected)
    if comparator == "IN":
        return bool(actual in expected)
    return _like(actual, expected, re.IGNORECASE if comparator == "ILIKE" else 0)


def _like(text: str, pattern: str, flags: int) -> bool:
    expression = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, flags | re.DOTALL) is not None


def _version_sort_value(found: VersionOf, key: str) -> Any:
    head, version = found
    return {
        "name": head.name,
        "version_number": version.number,
        "creation_timestamp": version.created_ms,
        "last_updated_timestamp": version.updated_ms,
    }[key]


def _check_distinct(keys: Sequence[str], order_by: Sequence[str] | None) -> None:
    if len(set(keys)) < len(keys):
        raise exceptions.MlflowException(f"`order_by` contains duplicate fields: {order_by}")


def _sorted(items: Iterable[T], clauses: Sequence[tuple[str, bool]], value: Callable[[T, str], Any]) -> list[T]:
    ordered = list(items)
    for key, is_ascending in reversed(clauses):  # sorting is stable: the last clause first
        ordered.sort(key=lambda item: value(item, key), reverse=not is_ascending)
    return ordered
