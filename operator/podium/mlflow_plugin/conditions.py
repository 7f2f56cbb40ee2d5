"""Conditions: what a search's filter asks for, compiled once into sieves of models or versions.

As MLflow's SQL store on PostgreSQL answers: NULL and absent meet no condition, != and NOT IN included; LIKE is
case-sensitive and ILIKE is not, for every letter; a backslash in their patterns takes the next character as it is.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from mlflow import exceptions
from mlflow.protos import databricks_pb2

from podium import errors

T = TypeVar("T")
Condition = dict[str, Any]
"""One comparison as MLflow's parsers read it: type, key, comparator, value."""
Sieve: TypeAlias = Callable[[list[T]], list[T]]
Value = Callable[[Any], Any]
"""Gets an attribute of what is searched for; None: there is none."""

ATTRIBUTE, TAG = "attribute", "tag"
TEXT = frozenset({"=", "!=", "LIKE", "ILIKE"})
LISTS = frozenset({"IN", "NOT IN"})
NUMBERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def sieve(value: Value, comparator: str, expected: Any) -> Sieve[Any]:
    """What leaves of a list the items that meet a condition.

    Raises MlflowException for a list beside a comparator of one value, and InvalidInput
    for a pattern that ends in a backslash.
    """
    if isinstance(expected, tuple) != (comparator in LISTS):
        raise invalid(f"Invalid value for comparator {comparator}: {expected!r}")
    test = _test(comparator, expected)
    return lambda items: [item for item in items if (found := value(item)) is not None and test(found)]


def check_comparator(what: str, comparator: str, allowed: Iterable[str]) -> None:
    """Raises MlflowException in MLflow's words."""
    if comparator not in allowed:
        raise invalid(f"Invalid comparator for {what}: {comparator}")


def whole_number(key: str, value: Any) -> int:
    """The value that a number is compared with. Raises MlflowException in MLflow's words."""
    try:
        if not isinstance(value, float):
            return int(value)
    except (TypeError, ValueError):
        pass
    raise invalid(f"Invalid value for numeric attribute '{key}': {value!r}")


def invalid(sentence: str) -> exceptions.MlflowException:
    """What MLflow raises for what it does not take."""
    return exceptions.MlflowException(sentence, databricks_pb2.INVALID_PARAMETER_VALUE)


def _test(comparator: str, expected: Any) -> Callable[[Any], bool]:
    if comparator == "LIKE":
        matches = _pattern(expected).fullmatch
        return lambda found: matches(found) is not None
    if comparator == "ILIKE":
        matches = _pattern(_lower(expected)).fullmatch
        return lambda found: matches(_lower(found)) is not None
    if comparator in LISTS:
        several, is_inside = frozenset(expected), comparator == "IN"
        return lambda found: (found in several) is is_inside
    compare = NUMBERS[comparator]
    return lambda found: compare(found, expected)


def _pattern(like: str) -> re.Pattern[str]:
    parts, characters = [], iter(like)
    for character in characters:
        if character == "\\":
            if (escaped := next(characters, None)) is None:
                raise errors.InvalidInput(f"LIKE pattern {like!r} must not end with a backslash: write two for one")
            parts.append(re.escape(escaped))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def _lower(text: str) -> str:
    """Each letter by itself, as PostgreSQL does, so that the length stays."""
    return text.lower() if text.isascii() else "".join(map(_lower_letter, text))


def _lower_letter(letter: str) -> str:
    return letter.lower()[0]
