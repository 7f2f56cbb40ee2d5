"""Parsers of ConfigMaps, key by key. People edit these by hand, so anything may stand there; a fault raises an error.

The first fault raises CorruptRegistry, with the object and the key.
"""

import enum
import functools
import itertools
import json
import math
import re
import typing
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from podium import errors, names
from podium.registry.model import entities, validation
from podium.registry.storage import backend
from podium.texts import quote

T = TypeVar("T")
E = TypeVar("E", bound=enum.StrEnum)
_NUMBER = re.compile(r"[0-9]{1,18}")
_PAIR = re.compile(r"([\w\-]+)=([0-9]{1,18})")
_ENTRIES_KEPT = 8192
"""So many lines of history are parsed only once."""


class Parser:
    """The data of one ConfigMap that should be of this kind. Raises CorruptRegistry when its labels say otherwise."""

    def __init__(self, record: backend.Record, kind: str) -> None:
        self._record = record
        if (found := record.labels.get(names.REGISTRY_KIND_LABEL, "")) != kind:
            problem = f"label is {found!r}, expected {kind!r}"
            raise errors.CorruptRegistry(record.name, names.REGISTRY_KIND_LABEL, problem)
        self.uid = record.labels.get(names.REGISTRY_UID_LABEL, "")
        if not self.uid:
            raise self.corrupt_label("is missing")

    def corrupt(self, key: str, problem: str) -> errors.CorruptRegistry:
        """The error for a data key, to be raised."""
        return errors.CorruptRegistry(self._record.name, key, problem)

    def corrupt_label(self, problem: str) -> errors.CorruptRegistry:
        """The error for the label with the uid, to be raised."""
        return errors.CorruptRegistry(self._record.name, names.REGISTRY_UID_LABEL, f"label {problem}")

    def plain(self, key: str) -> str:
        """A text without quotes that has to be there."""
        if not (value := self._record.data.get(key, "")):
            raise self.corrupt(key, "is missing")
        return value

    def optional_text(self, key: str) -> str | None:
        """A JSON string, or None when the key is not there."""
        if not (raw := self._record.data.get(key, "")):
            return None
        value = self._parse_json(key, raw)
        if not isinstance(value, str):
            raise self.corrupt(key, f"{quote(raw, 40)} is not a JSON string")
        return value

    def text(self, key: str) -> str:
        """A JSON string that has to be there."""
        if (value := self.optional_text(key)) is None:
            raise self.corrupt(key, "is missing")
        return value

    def number(self, key: str, default: int | None = None) -> int:
        """A number of 0 or more."""
        raw = self._record.data.get(key, "")
        if not raw and default is not None:
            return default
        if not _NUMBER.fullmatch(raw):
            raise self.corrupt(key, f"{quote(raw, 40)} is not a number" if raw else "is missing")
        return int(raw)

    def digest(self, key: str) -> str | None:
        """The digest of an artifact, without quotes; None when the key is not there."""
        if not (raw := self._record.data.get(key, "")):
            return None
        if not validation.is_digest(raw):
            raise self.corrupt(key, f"{quote(raw, 40)} is not sha256:<64 hexadecimal digits>")
        return raw

    def words(self, key: str) -> tuple[str, ...]:
        """Words with blanks between them."""
        return tuple(self._record.data.get(key, "").split())

    def numbers(self, key: str) -> tuple[int, ...]:
        """Numbers with blanks between them."""
        words = self.words(key)
        for word in words:
            if not _NUMBER.fullmatch(word):
                raise self.corrupt(key, f"{quote(word, 40)} is not a number")
        return tuple(int(word) for word in words)

    def flag(self, key: str) -> bool:
        """True for ``true``; False when the key is not there."""
        if (raw := self._record.data.get(key, "")) not in ("", "true"):
            raise self.corrupt(key, f"{quote(raw, 40)} is not 'true'")
        return bool(raw)

    def pairs(self, key: str) -> tuple[tuple[str, int], ...]:
        """Lines such as ``champion=3``."""
        found = []
        for line in self._record.data.get(key, "").split("\n"):
            if not line:
                continue
            if not (match := _PAIR.fullmatch(line)):
                raise self.corrupt(key, f"line {quote(line, 40)} is not <name>=<number>")
            found.append((match[1], int(match[2])))
        return tuple(found)

    def tags(self, key: str) -> dict[str, str | None]:
        """A JSON object of texts."""
        if not (raw := self._record.data.get(key, "")):
            return {}
        value = self._parse_json(key, raw)
        if not isinstance(value, dict) or not all(v is None or isinstance(v, str) for v in value.values()):
            raise self.corrupt(key, "is not a JSON object whose values are strings or null")
        return value

    def objects(self, key: str, read: Callable[["Fields"], T]) -> tuple[T, ...]:
        """Lines, each a JSON object, each read by `read`."""
        found = []
        for number, line in enumerate(self._record.data.get(key, "").split("\n"), 1):
            if not line:
                continue
            value = self._parse_json(key, line)
            if not isinstance(value, dict):
                raise self.corrupt(key, f"line {number} is not a JSON object")
            try:
                found.append(read(Fields(value)))
            except ValueError as error:
                raise self.corrupt(key, f"line {number}: {error}") from error
        return tuple(found)

    def history(self, key: str) -> tuple[entities.HistoryEntry, ...]:
        """Lines of history, whose sequences have no gap."""
        try:
            entries = tuple(_parse_line(line) for line in self._record.data.get(key, "").split("\n") if line)
        except (ValueError, RecursionError):
            entries = self.objects(key, parse_entry)  # which tells what is wrong, and where
        for before, after in itertools.pairwise(entries):
            if after.sequence != before.sequence + 1:
                raise self.corrupt(key, f"sequence {after.sequence} follows {before.sequence}")
        return entries

    def _parse_json(self, key: str, raw: str) -> Any:
        try:
            value = json.loads(raw)
            if "\\u" in raw:
                json.dumps(value, ensure_ascii=False).encode()  # an escape may hide what UTF-8 cannot hold
        except (ValueError, RecursionError) as error:
            raise self.corrupt(key, f"{quote(raw, 40)} is not JSON ({error})") from error
        return value


class Fields:
    """One JSON object of a line. Every method raises ValueError that names the field."""

    def __init__(self, value: dict[str, Any]) -> None:
        self._value = value

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self._value

    def text(self, name: str) -> str:
        """A string."""
        if not isinstance(value := self._value.get(name), str):
            raise ValueError(f"{name} is not a string")
        return value

    def number(self, name: str) -> int:
        """A whole number of 0 or more."""
        if not _is_number(value := self._value.get(name)):
            raise ValueError(f"{name} is not a whole number of 0 or more")
        return typing.cast(int, value)

    def optional_number(self, name: str) -> int | None:
        """A whole number of 0 or more, or None."""
        return None if self._value.get(name) is None else self.number(name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self._value.get(name)
        if not isinstance(value, list) or not all(_is_number(item) for item in value):
            raise ValueError(f"{name} is not a list of whole numbers")
        return tuple(value)

    def flag(self, name: str) -> bool:
        """True or False."""
        if not isinstance(value := self._value.get(name), bool):
            raise ValueError(f"{name} is neither true nor false")
        return value

    def optional_text(self, name: str) -> str:
        """A string, "" where there is none."""
        return self.text(name) if name in self._value else ""

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """One of these strings."""
        if (value := self.text(name)) not in allowed:
            raise ValueError(f"{name} {quote(value, 40)} is none of {', '.join(allowed)}")
        return value

    def optional_member(self, name: str, kind: type[E]) -> E | None:
        """A member of this enumeration; None where there is no such field, or a word that a newer Podium knows."""
        word = self.optional_text(name)
        return kind(word) if word in list(kind) else None

    def floats(self, name: str) -> dict[str, float]:
        """Finite numbers by their names; none where there is no such field."""
        value = self._value.get(name, {})
        if not isinstance(value, dict) or not all(_is_finite(number) for number in value.values()):
            raise ValueError(f"{name} is not an object of finite numbers")
        return {key: float(number) for key, number in value.items()}

    def counts(self, name: str) -> dict[str, int]:
        """Whole numbers by their names; none where there is no such field."""
        value = self._value.get(name, {})
        if not isinstance(value, dict) or not all(_is_number(number) for number in value.values()):
            raise ValueError(f"{name} is not an object of whole numbers")
        return value

    def optional_float(self, name: str) -> float | None:
        """A finite number, or None."""
        if (value := self._value.get(name)) is None:
            return None
        if not _is_finite(value):
            raise ValueError(f"{name} is not a finite number")
        return float(value)

    def texts(self, name: str) -> dict[str, str]:
        """Strings by their names; none where there is no such field."""
        value = self._value.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise ValueError(f"{name} is not an object of strings")
        return value

    def optional_object(self, name: str) -> "Fields | None":
        """A JSON object, or None."""
        if (value := self._value.get(name)) is None:
            return None
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not a JSON object")
        return Fields(value)

    def objects(self, name: str) -> list["Fields"]:
        """A list of JSON objects; empty where there is no such field."""
        value = self._value.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ValueError(f"{name} is not a list of JSON objects")
        return [Fields(item) for item in value]

    def actor(self) -> entities.Actor:
        """Who did it: the fields user, via and verified."""
        return entities.Actor(self.text("user"), self.text("via"), self.flag("verified"))


@functools.lru_cache(_ENTRIES_KEPT)
def _parse_line(line: str) -> entities.HistoryEntry:
    """A line of history without escapes. Raises ValueError and RecursionError.

    A head is read far more often than its history grows, and reading that takes longer than all the rest.
    """
    if "\\u" in line or not isinstance(value := json.loads(line), dict):
        raise ValueError
    return parse_entry(Fields(value), line)


def parse_entry(fields: Fields, recorded: str = "") -> entities.HistoryEntry:
    """A move, of its fields; `recorded` is its line of the history, if it is read from there. Raises ValueError."""
    reason = fields.choice("reason", typing.get_args(entities.Reason))
    return entities.HistoryEntry(
        sequence=fields.number("sequence"),
        time_ms=fields.number("timeMs"),
        alias=fields.text("alias"),
        from_version=fields.optional_number("from"),
        to_version=fields.optional_number("to"),
        actor=fields.actor(),
        reason=typing.cast(entities.Reason, reason),
        why=fields.optional_text("why"),
        evidence=entities.Evidence(
            tuple(map(_parse_gate, fields.objects("gates"))),
            fields.floats("metrics"),
            fields.optional_text("artifact"),
            fields.optional_text("digest") or None,
        ),
        recorded=recorded,
    )


def _parse_gate(fields: Fields) -> entities.GateRecord:
    """What is recorded of one gate. Raises ValueError.

    An entry of an earlier Podium has neither rule nor outcome, and one of a newer Podium may have others than these: it
    is read as the text that every entry has, so that while an upgrade is under way no model is held up.
    """
    rule = fields.optional_object("rule")
    return entities.GateRecord(
        gate=fields.text("gate"),
        passed=fields.flag("passed"),
        value=fields.text("value"),
        rule=_parse_rule(rule) if rule else None,
        outcome=fields.optional_member("outcome", entities.Outcome),
        cause=fields.optional_member("cause", entities.Cause),
    )


def _parse_rule(fields: Fields) -> entities.Rule | None:
    if fields.has("metric"):
        return parse_bound(fields.text("metric"), fields)
    if fields.has("tag"):
        return entities.TagGate(fields.text("tag"), fields.text("value"))
    return entities.ApprovalGate() if fields.optional_text("approval") == "Manual" else None


def parse_bound(metric: str, fields: Fields) -> entities.MetricGate:
    """What this metric is held against. Raises ValueError."""
    low, high = fields.optional_float("min"), fields.optional_float("max")
    than = fields.optional_object("notWorseThan")
    if [low, high, than].count(None) != 2:
        raise ValueError(f"metric {metric!r} needs exactly one of min, max and notWorseThan")
    if than is None:
        return entities.MetricGate(metric, low, high)
    better: Any = than.choice("better", ("Higher", "Lower"))
    if (tolerance := than.optional_float("tolerance") or 0.0) < 0:
        raise ValueError(f"metric {metric!r}: the tolerance is negative")
    return entities.MetricGate(metric, not_worse_than=than.text("alias"), tolerance=tolerance, better=better)


def _is_finite(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
