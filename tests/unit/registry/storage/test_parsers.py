"""Parsers: what people write into a ConfigMap by hand is read, or refused with the key and the line."""

from collections.abc import Callable
from typing import Any

import pytest

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, parsers

KIND = "Model"
LINE = (
    '{"sequence": 1, "timeMs": 5, "alias": "a", "from": null, "to": 1, "reason": "set", '
    '"user": "joe", "via": "basic", "verified": true}'
)


def parser(**data: str) -> parsers.Parser:
    labels = {names.REGISTRY_KIND_LABEL: KIND, names.REGISTRY_UID_LABEL: "iris-1"}
    return parsers.Parser(backend.Record("m-iris", labels, data), KIND)


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        ({names.REGISTRY_UID_LABEL: "iris-1"}, names.REGISTRY_KIND_LABEL),
        ({names.REGISTRY_KIND_LABEL: "Version", names.REGISTRY_UID_LABEL: "iris-1"}, names.REGISTRY_KIND_LABEL),
        ({names.REGISTRY_KIND_LABEL: KIND}, names.REGISTRY_UID_LABEL),
    ],
    ids=["no kind", "another kind", "no uid"],
)
def test_labels_say_what_an_object_is(labels: dict[str, str], key: str) -> None:
    with pytest.raises(errors.CorruptRegistry) as caught:
        parsers.Parser(backend.Record("m-iris", labels, {}), KIND)
    assert (caught.value.object_name, caught.value.key) == ("m-iris", key)


Read = Callable[[parsers.Parser], Any]
READS: dict[str, tuple[Read, str | None, Any]] = {
    "a text": (lambda p: p.text("k"), '"한국어"', "한국어"),
    "no text": (lambda p: p.optional_text("k"), None, None),
    "a number": (lambda p: p.number("k"), "007", 7),
    "no number": (lambda p: p.number("k", 3), None, 3),
    "numbers": (lambda p: p.numbers("k"), " 1  22\n3 ", (1, 22, 3)),
    "a flag": (lambda p: p.flag("k"), "true", True),
    "no flag": (lambda p: p.flag("k"), None, False),
    "pairs with empty lines": (lambda p: p.pairs("k"), "a=1\n\nb-c=2\n", (("a", 1), ("b-c", 2))),
    "tags": (lambda p: p.tags("k"), '{"a": "b", "c": null}', {"a": "b", "c": None}),
    "no tags": (lambda p: p.tags("k"), None, {}),
    "a digest": (lambda p: p.digest("k"), "sha256:" + "0" * 64, "sha256:" + "0" * 64),
}


@pytest.mark.parametrize("what", READS)
def test_what_stands_there_is_read(what: str) -> None:
    read, raw, expected = READS[what]
    assert read(parser(**({} if raw is None else {"k": raw}))) == expected


FAULTS: dict[str, tuple[Read, str, str]] = {
    "no plain text": (lambda p: p.plain("k"), "", "is missing"),
    "a text without quotes": (lambda p: p.text("k"), "iris", "'iris' is not JSON"),
    "a text that is a list": (lambda p: p.text("k"), "[1]", "is not a JSON string"),
    "half a character": (lambda p: p.text("k"), r'"\ud800"', "is not JSON"),
    "a number in words": (lambda p: p.number("k", 3), "three", "'three' is not a number"),
    "no number": (lambda p: p.number("k"), "", "is missing"),
    "one of the numbers in words": (lambda p: p.numbers("k"), "1 two", "'two' is not a number"),
    "a flag that is false": (lambda p: p.flag("k"), "false", "is not 'true'"),
    "a digest of another kind": (lambda p: p.digest("k"), "md5:1", "is not sha256"),
    "a pair without a number": (lambda p: p.pairs("k"), "a=1\nb=\n", "line 'b=' is not <name>=<number>"),
    "tags of numbers": (lambda p: p.tags("k"), '{"a": 1}', "strings or null"),
    "a line that is no object": (lambda p: p.objects("k", lambda f: f), "{}\n\n[]\n", "line 3 is not a JSON object"),
    "a gap in the history": (
        lambda p: p.history("k"),
        f"{LINE}\n{LINE.replace('1', '3', 1)}\n",
        "sequence 3 follows 1",
    ),
    "brackets without end": (lambda p: p.tags("k"), "[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_cannot_be_read_is_told_with_its_object_and_key(what: str) -> None:
    read, raw, problem = FAULTS[what]
    with pytest.raises(errors.CorruptRegistry) as caught:
        read(parser(k=raw))
    assert (caught.value.object_name, caught.value.key) == ("m-iris", "k")
    assert problem in caught.value.problem
    assert len(caught.value.problem) < 200


FIELD_FAULTS: dict[str, tuple[Callable[[parsers.Fields], Any], object]] = {
    "a text that is a number": (lambda f: f.text("k"), 1),
    "an optional text that is null": (lambda f: f.optional_text("k"), None),
    "a number below 0": (lambda f: f.number("k"), -1),
    "a number that is true": (lambda f: f.number("k"), True),
    "a number with a fraction": (lambda f: f.optional_number("k"), 1.5),
    "a list with a text": (lambda f: f.numbers("k"), [1, "2"]),
    "a flag that is 1": (lambda f: f.flag("k"), 1),
    "a choice that is not offered": (lambda f: f.choice("k", ("a", "b")), "c"),
    "a number beyond every float": (lambda f: f.floats("k"), {"a": 10**400}),
    "no finite number": (lambda f: f.optional_float("k"), float("nan")),
    "a count with a fraction": (lambda f: f.counts("k"), {"a": 0.5}),
    "texts of numbers": (lambda f: f.texts("k"), {"a": 1}),
    "an object that is a list": (lambda f: f.optional_object("k"), []),
    "objects that are texts": (lambda f: f.objects("k"), ["a"]),
}


@pytest.mark.parametrize("what", FIELD_FAULTS)
def test_a_field_that_cannot_be_read_is_named(what: str) -> None:
    read, value = FIELD_FAULTS[what]
    with pytest.raises(ValueError, match=r"^k "):
        read(parsers.Fields({"k": value}))


def test_fields_that_are_not_there_are_empty() -> None:
    fields = parsers.Fields({})
    assert (fields.optional_text("k"), fields.optional_number("k"), fields.optional_float("k")) == ("", None, None)
    assert (fields.floats("k"), fields.counts("k"), fields.texts("k"), fields.objects("k")) == ({}, {}, {}, [])
    assert fields.optional_object("k") is None
    assert fields.optional_member("k", entities.Outcome) is None


BOUNDS = [
    ({"min": 1}, entities.MetricGate("f1", min=1.0)),
    ({"max": 0.5}, entities.MetricGate("f1", max=0.5)),
    (
        {"notWorseThan": {"alias": "champion", "better": "Lower", "tolerance": 0.1}},
        entities.MetricGate("f1", not_worse_than="champion", tolerance=0.1, better="Lower"),
    ),
    (
        {"notWorseThan": {"alias": "champion", "better": "Higher"}},
        entities.MetricGate("f1", not_worse_than="champion", tolerance=0.0, better="Higher"),
    ),
]


@pytest.mark.parametrize(("fields", "expected"), BOUNDS, ids=["min", "max", "with a tolerance", "without one"])
def test_a_bound_is_one_of_three(fields: dict[str, Any], expected: entities.MetricGate) -> None:
    assert parsers.parse_bound("f1", parsers.Fields(fields)) == expected


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "exactly one of min, max and notWorseThan"),
        ({"min": 1, "max": 2}, "exactly one of min, max and notWorseThan"),
        ({"notWorseThan": {"alias": "a", "better": "Best"}}, "better 'Best' is none of Higher, Lower"),
        ({"notWorseThan": {"alias": "a", "better": "Lower", "tolerance": -1}}, "the tolerance is negative"),
    ],
    ids=["none", "two", "an unknown direction", "a negative tolerance"],
)
def test_a_bound_that_says_none_or_two_things_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parsers.parse_bound("f1", parsers.Fields(fields))


def test_a_line_of_history_is_parsed_once_and_its_entry_keeps_the_text() -> None:
    parsers._parse_line.cache_clear()
    [first] = parser(k=LINE + "\n").history("k")
    [second] = parser(k=LINE + "\n").history("k")
    assert first is second
    assert first.record == LINE
