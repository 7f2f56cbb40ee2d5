"""JSON Lines: images of models <-> a text that people can read and compare, for export and restore. Pure.

One object a line, in a stable order, so that two exports differ only where the registry does:

    {"record": "export", "format": "podium-registry/1", "exported": …}      first, the only line with the export's date
    {"record": "model", "model": NAME, …}                                   then of each model: itself,
    {"record": "version", "model": NAME, "version": 1, …}                   its versions by number, tombstones included,
    {"record": "move", "model": NAME, "sequence": 1, …}                     and every move of its aliases
    {"record": "end", "models": …, "versions": …, "moves": …, "sha256": …}  last: nothing is cut off or changed

The checksum is of all lines between the first and the last, as UTF-8. Times are UTC with milliseconds; what equals its
default has no key. Characters that hide or turn text around are escaped.
"""

import collections
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from podium import errors, texts
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.registry.storage import codec, parsers
from podium.texts import quote

FORMAT = "podium-registry/1"
_AGAIN = "export it again, or fetch the file again"
_COUNTED = ("model", "version", "move")
_TIMES = ("time", "created", "updated")
"""Keys whose values are times."""
_HIDDEN = re.compile("[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_VERSION: tuple[tuple[str, str, type], ...] = (
    ("source", "source", str),
    ("location", "location", str),
    ("runId", "run_id", str),
    ("runLink", "run_link", str),
    ("description", "description", str),
    ("tags", "tags", dict),
    ("stage", "stage", str),
    ("userId", "user_id", str),
    ("status", "status", str),
    ("statusMessage", "status_message", str),
    ("modelId", "model_id", str),
    ("digest", "digest", str),
    ("deleted", "deleted", bool),
)
"""Key, field and type of what a version's line says beside its number, times and decisions."""
_DEFAULT = entities.Version("", 0, "")


def encode(images: Iterable[convergence.ModelImage], exported_ms: int) -> Iterator[str]:
    """The lines of an export, each with its end."""
    yield _encode_line({"record": "export", "format": FORMAT, "exported": texts.format_time(exported_ms)})
    digest, counts = hashlib.sha256(), collections.Counter[str]()
    for image in images:
        for record in _encode_image(image):
            counts[record["record"]] += 1
            line = _encode_line(record)
            digest.update(line.encode())
            yield line
    totals = {f"{record}s": counts[record] for record in _COUNTED}
    yield _encode_line({"record": "end", **totals, "sha256": digest.hexdigest()})


def decode(lines: Iterable[bytes]) -> Iterator[convergence.ModelImage]:
    """The images of an export's lines.

    Raises InvalidInput, with the line, at the first that is not as `encode` writes it; that none was changed or cut off
    is known after the last image only, so run through once before anything is done with them.
    """
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        try:
            image = reader.take(line)
        except (ValueError, RecursionError) as error:
            raise errors.InvalidInput(f"line {number}: {error}") from error
        if image is not None:
            yield image
    if not reader.is_ended:
        raise errors.InvalidInput(f"the end is missing, so the file is incomplete: {_AGAIN}")


class _Reader:
    """What was read so far; every fault is a ValueError."""

    def __init__(self) -> None:
        self.is_ended = False
        self._digest, self._counts = hashlib.sha256(), collections.Counter[str]()
        self._is_begun = False
        self._image: convergence.ModelImage | None = None
        self._versions: list[entities.Version] = []
        self._history: list[entities.HistoryEntry] = []
        self._names: set[str] = set()

    def take(self, line: bytes) -> convergence.ModelImage | None:
        """Read one line; the image that it shows to be complete, if any."""
        if self.is_ended:
            raise ValueError("there are lines after the end")
        value = _parse_line(line)
        record = value.get("record")
        if not self._is_begun:
            self._read_first(value)
            return None
        if record == "end":
            return self._read_last(value)
        if record not in _COUNTED:
            raise ValueError(f"record {quote(str(record), 40)} is none of {', '.join(_COUNTED)} and end")
        self._digest.update(line)
        self._counts[record] += 1
        if record == "model":
            return self._start_model(value)
        if self._image is None or value.get("model") != self._image.name:
            raise ValueError(f"this {record} does not follow its model")
        if record == "version":
            self._versions.append(_parse_version(value))
        else:
            self._history.append(parsers.parse_entry(parsers.Fields(_parse_times(value))))
        return None

    def _read_first(self, value: dict[str, Any]) -> None:
        if value.get("record") != "export":
            raise ValueError('this is not an export of a registry: its first line has no "record": "export"')
        if value.get("format") != FORMAT:
            raise ValueError(f"format {quote(str(value.get('format')), 40)} is not {FORMAT!r}: a newer Podium wrote it")
        self._is_begun = True

    def _start_model(self, value: dict[str, Any]) -> convergence.ModelImage | None:
        image = self._finish_model()
        self._image = _parse_model(value)
        if self._image.name in self._names:
            raise ValueError(f"model {quote(self._image.name)} is in the file twice")
        self._names.add(self._image.name)
        return image

    def _read_last(self, value: dict[str, Any]) -> convergence.ModelImage | None:
        for record in _COUNTED:
            if value.get(f"{record}s") != self._counts[record]:
                told, found = value.get(f"{record}s"), self._counts[record]
                raise ValueError(f"the last line says {told} {record}s, but the file has {found}: {_AGAIN}")
        if value.get("sha256") != self._digest.hexdigest():
            raise ValueError(f"the checksum does not match the lines: the file was changed: {_AGAIN}")
        self.is_ended = True
        return self._finish_model()

    def _finish_model(self) -> convergence.ModelImage | None:
        if self._image is None:
            return None
        image = dataclasses.replace(
            self._image,
            versions=tuple(self._versions),
            history=tuple(self._history),
            history_total=self._history[-1].sequence if self._history else 0,
        )
        self._versions, self._history = [], []
        try:
            convergence.check_image(image)
        except errors.InvalidInput as error:
            raise ValueError(str(error)) from error
        return image


def _encode_image(image: convergence.ModelImage) -> Iterator[dict[str, Any]]:
    yield {
        "record": "model",
        "model": image.name,
        **({} if image.description is None else {"description": image.description}),
        **({"tags": _sort_keys(image.tags)} if image.tags else {}),
        **({"aliases": _sort_keys(image.aliases)} if image.aliases else {}),
        "lastVersion": image.last_version,
        "created": texts.format_time(image.created_ms),
        "updated": texts.format_time(image.updated_ms),
    }
    for version in image.versions:
        yield {"record": "version", "model": image.name, **_version_to_json(version)}
    for entry in image.history:
        yield encode_move(image.name, entry)


def encode_move(model_name: str, entry: entities.HistoryEntry) -> dict[str, Any]:
    """One move of an alias, as a line of an export holds it."""
    return {"record": "move", "model": model_name, **_show_times(codec.entry_to_json(entry))}


def encode_decision(approval: entities.Approval) -> dict[str, Any]:
    """One decision, as a version's line holds it."""
    return _show_times(codec.approval_to_json(approval))


def _version_to_json(version: entities.Version) -> dict[str, Any]:
    said = {
        key: _sort_keys(value) if kind is dict else value
        for key, field, kind in _VERSION
        if (value := getattr(version, field)) != getattr(_DEFAULT, field)
    }
    approvals = [encode_decision(approval) for approval in version.approvals]
    return {
        "version": version.number,
        **said,
        **({"approvals": approvals} if approvals else {}),
        "created": texts.format_time(version.created_ms),
        "updated": texts.format_time(version.updated_ms),
    }


def _parse_model(value: dict[str, Any]) -> convergence.ModelImage:
    fields = parsers.Fields(_parse_times(value))
    return convergence.ModelImage(
        name=fields.text("model"),
        description=fields.text("description") if "description" in value else None,
        tags=_parse_tags(value),
        aliases=fields.counts("aliases"),
        created_ms=fields.number("createdMs"),
        updated_ms=fields.number("updatedMs"),
        last_version=fields.number("lastVersion"),
    )


def _parse_version(value: dict[str, Any]) -> entities.Version:
    fields = parsers.Fields(_parse_times(value))
    given: dict[str, Any] = {}
    for key, field, kind in _VERSION:
        found = value.get(key, getattr(_DEFAULT, field))
        if key in value and not isinstance(found, kind):
            raise ValueError(f"{key} is of the wrong type")
        given[field] = found
    return entities.Version(
        model_uid="",
        number=fields.number("version"),
        **{**given, "tags": _parse_tags(value)},
        created_ms=fields.number("createdMs"),
        updated_ms=fields.number("updatedMs"),
        approvals=tuple(codec.approval_from_json(each) for each in fields.objects("approvals")),
    )


def _parse_tags(value: dict[str, Any]) -> dict[str, str | None]:
    tags = value.get("tags", {})
    if not isinstance(tags, dict) or not all(text is None or isinstance(text, str) for text in tags.values()):
        raise ValueError("tags is not an object whose values are strings or null")
    return tags


def _show_times(value: dict[str, Any]) -> dict[str, Any]:
    """What the registry's ConfigMaps hold, with times that people read: timeMs becomes time."""
    return {
        key.removesuffix("Ms"): texts.format_time(part) if key.endswith("Ms") else part for key, part in value.items()
    }


def _parse_times(value: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `_show_times`, of a line and of the decisions in it."""
    exact = {key: part for key, part in value.items() if key not in _TIMES}
    exact |= {f"{key}Ms": texts.parse_time(value[key]) for key in _TIMES if key in value}
    if isinstance(decisions := exact.get("approvals"), list):
        exact["approvals"] = [_parse_times(each) if isinstance(each, dict) else each for each in decisions]
    return exact


def _sort_keys(value: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(value.items()))


def _encode_line(record: Mapping[str, Any]) -> str:
    return _HIDDEN.sub(_escape_character, json.dumps(record, ensure_ascii=False)) + "\n"


def _escape_character(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _parse_line(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise ValueError(f"the line is cut off, so the file is incomplete: {_AGAIN}")
    text = line.decode()
    value = json.loads(text)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()  # an escape may hide what UTF-8 cannot hold
    if not isinstance(value, dict):
        raise ValueError("this is not a JSON object")
    return value
