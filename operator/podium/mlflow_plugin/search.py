"""Search: the filters, orders and pages of MLflow's two searches, on values that the registry holds in memory.

MLflow's parsers read the texts, so that what they refuse is refused in their words; everything else is as in MLflow's
SQL store and not as in its SearchModelUtils and SearchModelVersionUtils, which have other order keys, another default
order and no rule for prompts. A query is read once, into sieves and sort keys, before anything is searched.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

from mlflow.prompt import constants
from mlflow.store import model_registry
from mlflow.utils import search_utils

from podium import errors
from podium.mlflow_plugin import conditions
from podium.registry.model import entities, versionlist

S = TypeVar("S")
T = TypeVar("T")
VersionOf = versionlist.VersionOf

MODELS_LIMIT: int = model_registry.SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD
VERSIONS_LIMIT: int = model_registry.SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD
OFFSET_LIMIT = 2**63
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


def models(
    filter_string: str | None, max_results: Any, order_by: Sequence[str] | None, page_token: Any
) -> Query[entities.Head, entities.Head]:
    """A search for models. Raises MlflowException and InvalidInput."""
    if not isinstance(max_results, int) or max_results < -1:
        raise conditions.invalid(_not_a_count(max_results))
    _check_limit(max_results, MODELS_LIMIT)
    with _understood("The filter", filter_string):
        parsed = search_utils.SearchModelUtils.parse_search_filter(filter_string)
    order = _model_order(order_by or ())
    offset = _offset(page_token)
    wants_prompts = _wants_prompts(parsed)
    sieves = [_model_sieve(each) for each in _counting(parsed, wants_prompts)]
    if not wants_prompts:
        sieves.append(lambda heads: [head for head in heads if head.tags.get(_PROMPT) != "true"])
    return Query(
        names=_names(parsed),
        _find=functools.partial(_sifted, sieves),
        _sort_keys=tuple((_MODEL_KEYS[key], is_ascending) for key, is_ascending in order),
        _max_results=max_results,
        _offset=offset,
    )


def versions(
    filter_string: str | None, max_results: Any, order_by: Sequence[str] | None, page_token: Any
) -> Query[versionlist.VersionList, VersionOf]:
    """A search for versions. Raises MlflowException and InvalidInput."""
    if not isinstance(max_results, int) or max_results < 1:
        raise conditions.invalid(_not_a_count(max_results))
    _check_limit(max_results, VERSIONS_LIMIT)
    with _understood("The filter", filter_string):
        parsed = search_utils.SearchModelVersionUtils.parse_search_filter(filter_string)
    wants_prompts = _wants_prompts(parsed)
    tag, others = _by_tag(_counting(parsed, wants_prompts))
    sieves = [_version_sieve(each) for each in others]
    order = _version_order(order_by) if order_by else [("last_updated_timestamp", False)]
    return Query(
        names=_names(parsed),
        _find=lambda lists: _sifted(sieves, _chosen(lists, tag, wants_prompts)),
        _sort_keys=tuple((_VERSION_KEYS[key], is_ascending) for key, is_ascending in order),
        _max_results=max_results,
        _offset=_offset(page_token),
    )


_MODEL_KEYS: dict[str, Callable[[entities.Head], Any]] = {
    "name": attrgetter("name"),
    "last_updated_time": attrgetter("updated_ms"),
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


def _model_sieve(condition: conditions.Condition) -> conditions.Sieve[entities.Head]:
    key, comparator, expected = condition["key"], condition["comparator"], condition["value"]
    if condition["type"] == conditions.TAG:
        conditions.check_comparator("tag", comparator, conditions.TEXT)
        return conditions.sieve(lambda head: head.tags.get(key), comparator, expected)
    conditions.check_comparator("attribute", comparator, conditions.TEXT | conditions.LISTS)
    return conditions.sieve(_MODEL_KEYS[key], comparator, expected)


def _version_sieve(condition: conditions.Condition) -> conditions.Sieve[VersionOf]:
    key, comparator, expected = condition["key"], condition["comparator"], condition["value"]
    if condition["type"] == conditions.TAG:
        conditions.check_comparator("tag", comparator, conditions.TEXT)
        return conditions.sieve(lambda found: found[1].tags.get(key), comparator, expected)
    if key == "version_number":
        conditions.check_comparator(f"attribute {key}", comparator, conditions.NUMBERS)
        return conditions.sieve(_VERSION_KEYS[key], comparator, conditions.whole_number(key, expected))
    has_lists = key in ("name", "run_id")
    conditions.check_comparator(
        "attribute", comparator, conditions.TEXT | (conditions.LISTS if has_lists else frozenset())
    )
    return conditions.sieve(_VERSION_TEXTS[key], comparator, expected)


def _names(parsed: Iterable[conditions.Condition]) -> Collection[str] | None:
    """The names that results can have, by those conditions that say so."""
    found: frozenset[str] | None = None
    for each in parsed:
        if (each["type"], each["key"]) == (conditions.ATTRIBUTE, "name") and each["comparator"] in ("=", "IN"):
            named = frozenset(each["value"] if each["comparator"] == "IN" else [each["value"]])
            found = named if found is None else found & named
    return found


def _wants_prompts(parsed: Iterable[conditions.Condition]) -> bool:
    """Whether the first condition on the tag that makes a prompt asks for prompts; else they are hidden."""
    for each in parsed:
        if (each["type"], each["key"]) == (conditions.TAG, _PROMPT):
            return (each["comparator"], each["value"].lower()) in (("=", "true"), ("!=", "false"))
    return False


def _counting(parsed: Iterable[conditions.Condition], wants_prompts: bool) -> Iterator[conditions.Condition]:
    """The conditions without those on the prompt's tag when prompts are hidden anyway; their comparators count."""
    for each in parsed:
        if wants_prompts or (each["type"], each["key"]) != (conditions.TAG, _PROMPT):
            yield each
        else:
            conditions.check_comparator("tag", each["comparator"], conditions.TEXT)


def _by_tag(
    parsed: Iterable[conditions.Condition],
) -> tuple[tuple[str, str] | None, list[conditions.Condition]]:
    """The first tag that is to have one value, by which a list is asked, and the conditions beside it."""
    others = list(parsed)
    for each in others:
        if each["type"] == conditions.TAG and each["comparator"] == "=" and isinstance(each["value"], str):
            others.remove(each)
            return (each["key"], each["value"]), others
    return None, others


def _chosen(
    lists: Iterable[versionlist.VersionList], tag: tuple[str, str] | None, wants_prompts: bool
) -> list[VersionOf]:
    """The versions with a tag, or all; of a model that has a version of a prompt, no version is an ordinary one."""
    if not wants_prompts:
        lists = [each for each in lists if not each.tagged(_PROMPT, "true")]
    return [pair for each in lists for pair in (each.tagged(*tag) if tag else each)]


def _sifted(sieves: Iterable[conditions.Sieve[T]], found: list[T]) -> list[T]:
    for sieve in sieves:
        found = sieve(found)
    return found


def _model_order(order_by: Sequence[str]) -> list[_Clause]:
    with _understood("order_by", order_by):
        parsed = [search_utils.SearchUtils.parse_order_by_for_search_registered_models(text) for text in order_by]
    return _distinct([(key if key == "name" else "last_updated_time", up) for key, up in parsed], order_by)


def _version_order(order_by: Sequence[str]) -> list[_Clause]:
    valid = search_utils.SearchModelVersionUtils.VALID_ORDER_BY_ATTRIBUTE_KEYS
    clauses: list[_Clause] = []
    for text in order_by:
        with _understood("order_by", order_by):
            _, key, up = search_utils.SearchModelVersionUtils.parse_order_by_for_search_model_versions(text)
        if key not in valid:
            raise conditions.invalid(f"Invalid order by key '{key}' specified. Valid keys are {valid}")
        clauses.append((key, up))
    return _distinct(clauses, order_by)


def _distinct(clauses: list[_Clause], order_by: Sequence[str]) -> list[_Clause]:
    if len({key for key, _ in clauses}) < len(clauses):
        raise errors.InvalidInput(f"`order_by` contains duplicate fields: {order_by}")
    return clauses


def _offset(page_token: Any) -> int:
    with _understood("The page token", page_token):
        offset: int = search_utils.SearchUtils.parse_start_offset_from_page_token(page_token)
    if not 0 <= offset < OFFSET_LIMIT:
        raise errors.InvalidInput(f"Invalid page token: no page begins at {offset}")
    return offset


def _check_limit(max_results: int, limit: int) -> None:
    if max_results > limit:
        raise conditions.invalid(
            f"Invalid value for request parameter max_results. It must be at most {limit}, but got value {max_results}"
        )


def _not_a_count(max_results: Any) -> str:
    return f"Invalid value for max_results. It must be a positive integer, but got {max_results}"


@contextlib.contextmanager
def _understood(what: str, text: object) -> Iterator[None]:
    """MLflow's parsers let some of Python's own errors through for nonsense, which a server makes a 500 of."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, SyntaxError, LookupError, ArithmeticError, RecursionError) as error:
        raise errors.InvalidInput(f"{what} {text!r:.200} cannot be read: {error}") from error
