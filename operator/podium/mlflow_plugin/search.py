"""Search: the filters, orders and pages of MLflow's two searches, on values that the registry holds in memory.

MLflow's parsers read the texts, so a refusal has MLflow's words. Everything else is as in MLflow's SQL store and not as
in its SearchModelUtils and SearchModelVersionUtils, which have other order keys, another default order and no rule for
prompts. A query is read once, into filters and sort keys, before anything is searched.

Conditions are met as in MLflow's SQL store on PostgreSQL: NULL and absent meet no condition, != and NOT IN included;
LIKE is case-sensitive and ILIKE is not, for every letter; a backslash in their patterns takes the next character as it
is.
"""

import contextlib
import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from mlflow import exceptions
from mlflow.prompt import constants
from mlflow.protos import databricks_pb2
from mlflow.store import model_registry
from mlflow.utils import search_utils

from podium import errors
from podium.registry import catalog
from podium.registry.model import entities

S = TypeVar("S")
T = TypeVar("T")
VersionOf = catalog.VersionOf
Condition: TypeAlias = dict[str, Any]
"""One comparison as MLflow's parsers read it: type, key, comparator, value."""
Filter: TypeAlias = Callable[[list[T]], list[T]]
"""Keeps the items of a list that meet a condition."""
Getter: TypeAlias = Callable[[Any], Any]
"""Gets an attribute of what is searched for; None: there is none."""

MODELS_LIMIT: int = model_registry.SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD
VERSIONS_LIMIT: int = model_registry.SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD
OFFSET_LIMIT = 2**63
ATTRIBUTE, TAG = "attribute", "tag"
TEXT_COMPARATORS = frozenset({"=", "!=", "LIKE", "ILIKE"})
LIST_COMPARATORS = frozenset({"IN", "NOT IN"})
NUMBER_COMPARATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PROMPT = constants.IS_PROMPT_TAG_KEY
_Clause = tuple[str, bool]
"""A sort key's name, and whether it ascends."""


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of what was found; `token` leads to the next, None: there is none."""

    rows: list[T]
    token: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Query(Generic[S, T]):
    """A search that was read; `names`: no other model has a result, None: any may have."""

    names: Collection[str] | None
    _find: Callable[[list[S]], list[T]]
    _sort_keys: tuple[tuple[Callable[[T], Any], bool], ...]
    _max_results: int
    _offset: int

    def page(self, searched: list[S]) -> Page[T]:
        """The page asked for, of all models, or of the versions of all, by name."""
        found = self._find(searched)
        for key, is_ascending in reversed(self._sort_keys):  # sorting is stable: the last one first
            found = sorted(found, key=key, reverse=not is_ascending)
        rows = found[self._offset : self._offset + self._max_results + 1]  # one more: is there a next page?
        has_more = len(rows) == self._max_results + 1
        token = search_utils.SearchUtils.create_page_token(self._offset + self._max_results) if has_more else None
        return Page(rows[: max(0, self._max_results)], token)


def parse_model_search(
    filter_string: str | None, max_results: Any, order_by: Sequence[str] | None, page_token: Any
) -> Query[entities.Head, entities.Head]:
    """A search for models. Raises MlflowException and InvalidInput."""
    _check_limit(max_results, MODELS_LIMIT)
    _check_count(max_results, -1)
    with _refuse_unreadable("The filter", filter_string):
        conditions = search_utils.SearchModelUtils.parse_search_filter(filter_string)
    order = _parse_model_order(order_by or ())
    offset = _parse_offset(page_token)
    wants_prompts = _asks_for_prompts(conditions)
    filters = [_build_model_filter(each) for each in _select_conditions(conditions, wants_prompts)]
    if not wants_prompts:
        filters.append(lambda heads: [head for head in heads if head.tags.get(_PROMPT) != "true"])
    return Query(
        names=_find_possible_names(conditions),
        _find=functools.partial(_apply_filters, filters),
        _sort_keys=tuple((_MODEL_KEYS[key], is_ascending) for key, is_ascending in order),
        _max_results=max_results,
        _offset=offset,
    )


def parse_version_search(
    filter_string: str | None, max_results: Any, order_by: Sequence[str] | None, page_token: Any
) -> Query[catalog.VersionList, VersionOf]:
    """A search for versions. Raises MlflowException and InvalidInput."""
    _check_count(max_results, 1)
    _check_limit(max_results, VERSIONS_LIMIT)
    with _refuse_unreadable("The filter", filter_string):
        conditions = search_utils.SearchModelVersionUtils.parse_search_filter(filter_string)
    wants_prompts = _asks_for_prompts(conditions)
    tag, others = _split_off_tag(_select_conditions(conditions, wants_prompts))
    filters = [_build_version_filter(each) for each in others]
    order = _parse_version_order(order_by) if order_by else [("last_updated_timestamp", False)]
    return Query(
        names=_find_possible_names(conditions),
        _find=lambda lists: _apply_filters(filters, _select_versions(lists, tag, wants_prompts)),
        _sort_keys=tuple((_VERSION_KEYS[key], is_ascending) for key, is_ascending in order),
        _max_results=max_results,
        _offset=_parse_offset(page_token),
    )


# Attributes: what can be searched and sorted by


_MODEL_KEYS: dict[str, Callable[[entities.Head], Any]] = {
    "name": operator.attrgetter("name"),
    "last_updated_time": operator.attrgetter("updated_ms"),
}
_VERSION_KEYS: dict[str, Callable[[VersionOf], Any]] = {
    "name": lambda found: found[0].name,
    "version_number": lambda found: found[1].number,
    "creation_timestamp": lambda found: found[1].created_ms,
    "last_updated_timestamp": lambda found: found[1].updated_ms,
}
_VERSION_TEXTS: dict[str, Callable[[VersionOf], str | None]] = {
    "name": lambda found: found[0].name,
    "run_id": lambda found: found[1].run_id,
    "source_path": lambda found: found[1].source,
}


def _build_model_filter(condition: Condition) -> Filter[entities.Head]:
    key, comparator, expected = condition["key"], condition["comparator"], condition["value"]
    if condition["type"] == TAG:
        _check_comparator("tag", comparator, TEXT_COMPARATORS)
        return build_filter(lambda head: head.tags.get(key), comparator, expected)
    _check_comparator("attribute", comparator, TEXT_COMPARATORS | LIST_COMPARATORS)
    return build_filter(_MODEL_KEYS[key], comparator, expected)


def _build_version_filter(condition: Condition) -> Filter[VersionOf]:
    key, comparator, expected = condition["key"], condition["comparator"], condition["value"]
    if condition["type"] == TAG:
        _check_comparator("tag", comparator, TEXT_COMPARATORS)
        return build_filter(lambda found: found[1].tags.get(key), comparator, expected)
    if key == "version_number":
        _check_comparator(f"attribute {key}", comparator, NUMBER_COMPARATORS)
        return build_filter(_VERSION_KEYS[key], comparator, _parse_whole_number(key, expected))
    has_lists = key in ("name", "run_id")
    _check_comparator("attribute", comparator, TEXT_COMPARATORS | (LIST_COMPARATORS if has_lists else frozenset()))
    return build_filter(_VERSION_TEXTS[key], comparator, expected)


# Filters: one condition on a list


def build_filter(get: Getter, comparator: str, expected: Any) -> Filter[Any]:
    """Keeps the items of a list that meet a condition.

    Raises MlflowException for a list with a comparator of one value, and InvalidInput for a pattern that ends in a
    backslash.
    """
    if isinstance(expected, tuple) != (comparator in LIST_COMPARATORS):
        raise _build_refusal(f"Invalid value for comparator {comparator}: {expected!r}")
    is_met = _build_test(comparator, expected)
    return lambda items: [item for item in items if (found := get(item)) is not None and is_met(found)]


def _build_test(comparator: str, expected: Any) -> Callable[[Any], bool]:
    if comparator == "LIKE":
        matches = _compile_pattern(expected).fullmatch
        return lambda found: matches(found) is not None
    if comparator == "ILIKE":
        matches = _compile_pattern(_lower_text(expected)).fullmatch
        return lambda found: matches(_lower_text(found)) is not None
    if comparator in LIST_COMPARATORS:
        several, is_inside = frozenset(expected), comparator == "IN"
        return lambda found: (found in several) is is_inside
    compare = NUMBER_COMPARATORS[comparator]
    return lambda found: compare(found, expected)


def _compile_pattern(like: str) -> re.Pattern[str]:
    parts, characters = [], iter(like)
    for character in characters:
        if character == "\\":
            if (escaped := next(characters, None)) is None:
                raise errors.InvalidInput(f"LIKE pattern {like!r} must not end with a backslash: write two for one")
            parts.append(re.escape(escaped))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def _lower_text(text: str) -> str:
    """Each letter by itself, as PostgreSQL does, so that the length stays: "İ".lower() alone would be two letters."""
    return text.lower() if text.isascii() else "".join(map(_lower_letter, text))


def _lower_letter(letter: str) -> str:
    return letter.lower()[0]


def _apply_filters(filters: Iterable[Filter[T]], found: list[T]) -> list[T]:
    for each in filters:
        found = each(found)
    return found


# Conditions that MLflow's store treats in a way of their own


def _find_possible_names(conditions: Iterable[Condition]) -> Collection[str] | None:
    """The names that results can have, by the conditions on the name; None: any name."""
    possible: frozenset[str] | None = None
    for each in conditions:
        if (each["type"], each["key"]) == (ATTRIBUTE, "name") and each["comparator"] in ("=", "IN"):
            named = frozenset(each["value"] if each["comparator"] == "IN" else [each["value"]])
            possible = named if possible is None else possible & named
    return possible


def _asks_for_prompts(conditions: Iterable[Condition]) -> bool:
    """Whether the first condition on the tag that makes a prompt asks for prompts; else they are hidden."""
    for each in conditions:
        if (each["type"], each["key"]) == (TAG, _PROMPT):
            return (each["comparator"], each["value"].lower()) in (("=", "true"), ("!=", "false"))
    return False


def _select_conditions(conditions: Iterable[Condition], wants_prompts: bool) -> Iterator[Condition]:
    """The conditions; those on the prompt's tag only if prompts are wanted, else their comparators are just checked."""
    for each in conditions:
        if wants_prompts or (each["type"], each["key"]) != (TAG, _PROMPT):
            yield each
        else:
            _check_comparator("tag", each["comparator"], TEXT_COMPARATORS)


def _split_off_tag(conditions: Iterable[Condition]) -> tuple[tuple[str, str] | None, list[Condition]]:
    """The first tag that must have one value, which a list of versions has an index for, and the other conditions."""
    others = list(conditions)
    for each in others:
        if each["type"] == TAG and each["comparator"] == "=" and isinstance(each["value"], str):
            others.remove(each)
            return (each["key"], each["value"]), others
    return None, others


def _select_versions(
    lists: Iterable[catalog.VersionList], tag: tuple[str, str] | None, wants_prompts: bool
) -> list[VersionOf]:
    """The versions with a tag, or all. A model with one version that is a prompt has no ordinary version."""
    if not wants_prompts:
        lists = [each for each in lists if not each.tagged(_PROMPT, "true")]
    return [pair for each in lists for pair in (each.tagged(*tag) if tag else each)]


# Orders and pages


def _parse_model_order(order_by: Sequence[str]) -> list[_Clause]:
    with _refuse_unreadable("order_by", order_by):
        parsed = [search_utils.SearchUtils.parse_order_by_for_search_registered_models(text) for text in order_by]
    clauses = [(key if key == "name" else "last_updated_time", is_ascending) for key, is_ascending in parsed]
    _check_distinct(clauses, order_by)
    return clauses


def _parse_version_order(order_by: Sequence[str]) -> list[_Clause]:
    valid = search_utils.SearchModelVersionUtils.VALID_ORDER_BY_ATTRIBUTE_KEYS
    clauses: list[_Clause] = []
    for text in order_by:
        with _refuse_unreadable("order_by", order_by):
            _, key, is_ascending = search_utils.SearchModelVersionUtils.parse_order_by_for_search_model_versions(text)
        if key not in valid:
            raise _build_refusal(f"Invalid order by key '{key}' specified. Valid keys are {valid}")
        clauses.append((key, is_ascending))
    _check_distinct(clauses, order_by)
    return clauses


def _parse_offset(page_token: Any) -> int:
    with _refuse_unreadable("The page token", page_token):
        offset: int = search_utils.SearchUtils.parse_start_offset_from_page_token(page_token)
    if not 0 <= offset < OFFSET_LIMIT:
        raise errors.InvalidInput(f"Invalid page token: no page begins at {offset}")
    return offset


# Refusals, in MLflow's words


def _check_distinct(clauses: list[_Clause], order_by: Sequence[str]) -> None:
    if len({key for key, _ in clauses}) < len(clauses):
        raise errors.InvalidInput(f"`order_by` contains duplicate fields: {order_by}")


def _check_comparator(what: str, comparator: str, allowed: Iterable[str]) -> None:
    if comparator not in allowed:
        raise _build_refusal(f"Invalid comparator for {what}: {comparator}")


def _check_count(max_results: Any, least: int) -> None:
    if not isinstance(max_results, int) or max_results < least:
        raise _build_refusal(f"Invalid value for max_results. It must be a positive integer, but got {max_results}")


def _check_limit(max_results: Any, limit: int) -> None:
    """Raises for more than the limit. A fraction above it is two mistakes, and each search of MLflow tells another."""
    if isinstance(max_results, int | float) and max_results > limit:
        raise _build_refusal(
            f"Invalid value for request parameter max_results. It must be at most {limit}, but got value {max_results}"
        )


def _parse_whole_number(key: str, value: Any) -> int:
    try:
        if not isinstance(value, float):
            return int(value)
    except (TypeError, ValueError):
        pass
    raise _build_refusal(f"Invalid value for numeric attribute '{key}': {value!r}")


def _build_refusal(sentence: str) -> exceptions.MlflowException:
    return exceptions.MlflowException(sentence, databricks_pb2.INVALID_PARAMETER_VALUE)


@contextlib.contextmanager
def _refuse_unreadable(what: str, text: object) -> Iterator[None]:
    """MLflow's parsers let some of Python's own errors through for nonsense, which a server would answer with a 500."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, SyntaxError, LookupError, ArithmeticError, RecursionError) as error:
        raise errors.InvalidInput(f"{what} {text!r:.200} cannot be read: {error}") from error
