"""Exports: what goes out comes in again, to the byte, and a file that was changed or cut off is refused."""

import dataclasses
import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium import errors
from podium.registry import store
from podium.registry.images import convergence, jsonlines
from podium.registry.model import entities
from podium.registry.storage import memory
from tests.support import effort
from tests.unit.registry import factories
from tests.unit.registry.images import images

NOW = 1_795_500_000_123
KNOWN_FIELDS = {
    entities.Version: {
        "model_uid", "number", "source", "location", "run_id", "run_link", "description", "tags", "stage", "user_id",
        "status", "status_message", "model_id", "created_ms", "updated_ms", "deleted", "staging", "operation_id",
        "made_ms", "approvals", "digest", "writes",
    },
    convergence.ModelImage: {
        "name", "description", "tags", "aliases", "created_ms", "updated_ms", "last_version", "versions", "history",
        "history_total",
    },
}  # fmt: skip
"""What an export tells, or leaves out because it belongs to one registry alone."""
MOVED = images.image(history=(factories.entry(1),), history_total=1)


def exported(*found: convergence.ModelImage, at_ms: int = NOW) -> list[bytes]:
    return [line.encode() for line in jsonlines.encode(found, at_ms)]


def names_of(found: list[convergence.ModelImage]) -> list[str]:
    return [each.name for each in found]


ANY = settings(
    max_examples=effort.examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Images of all shapes are large, and the first one of a process takes seconds."""
SETS = st.lists(images.images(), max_size=3, unique_by=lambda each: each.name)


@ANY
@given(SETS)
def test_what_goes_out_comes_in_again(found: list[convergence.ModelImage]) -> None:
    assert list(jsonlines.decode(exported(*found))) == found


@ANY
@given(SETS)
def test_a_registry_that_is_restored_from_an_export_exports_the_same_bytes(found: list[convergence.ModelImage]) -> None:
    first, second = (store.Registry(memory.MemoryBackend(), clock=factories.Clock()) for _ in range(2))
    for image in found:
        first.images.converge(image, actor=factories.JOE, reason="restored")
    before = exported(*(first.images.fresh(head.name) for head in first.models.list()), at_ms=1)
    for image in jsonlines.decode(before):
        second.images.converge(image, actor=images.SYNC, reason="restored")
    after = exported(*(second.images.fresh(head.name) for head in second.models.list()), at_ms=2)
    assert after[1:] == before[1:]


@ANY
@given(SETS)
def test_every_line_is_one_of_a_text_file_without_characters_that_deceive(found: list[convergence.ModelImage]) -> None:
    for line in exported(*found):
        text = line.decode()
        assert text.splitlines() == [text[:-1]]
        assert not set(text) & set("\u202e\u200b\u2066\ufeff")
        assert json.loads(text)["record"] in ("export", "model", "version", "move", "end")


def test_a_person_can_read_it() -> None:
    lines = [line.decode() for line in exported(MOVED)]
    assert lines[0] == '{"record": "export", "format": "podium-registry/1", "exported": "2026-11-24T06:00:00.123Z"}\n'
    assert lines[2] == (
        '{"record": "version", "model": "iris", "version": 1, "source": "s3://models/1", '
        '"created": "1970-01-01T00:00:00.101Z", "updated": "1970-01-01T00:00:00.201Z"}\n'
    )
    assert lines[4] == (
        '{"record": "move", "model": "iris", "sequence": 1, "time": "1970-01-01T00:00:01.001Z", "alias": "champion", '
        '"from": null, "to": 1, "reason": "set", "user": "joe", "via": "basic", "verified": true}\n'
    )
    assert lines[5].startswith('{"record": "end", "models": 1, "versions": 2, "moves": 1, "sha256": "')


@pytest.mark.parametrize("kind", KNOWN_FIELDS, ids=lambda kind: kind.__name__)
def test_every_field_is_told_or_left_out_on_purpose(kind: type) -> None:
    assert {field.name for field in dataclasses.fields(kind)} == KNOWN_FIELDS[kind]


@given(st.data())
def test_a_file_that_is_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    whole = b"".join(exported(MOVED))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(errors.InvalidInput, match="incomplete"):
        list(jsonlines.decode(cut.splitlines(keepends=True)))


def without(number: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: lines[: number - 1] + lines[number:]


def edited(number: int, old: str, new: str) -> Callable[[list[bytes]], list[bytes]]:
    def edit(lines: list[bytes]) -> list[bytes]:
        changed = lines[number - 1].decode().replace(old, new).encode()
        assert changed != lines[number - 1]
        return [*lines[: number - 1], changed, *lines[number:]]

    return edit


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(without(1), r"line 1: this is not an export of a registry", id="without its first line"),
        pytest.param(without(2), r"line 2: this version does not follow its model", id="without its model"),
        pytest.param(without(3), r"line 5: the last line says 2 versions, but the file has 1", id="without a version"),
        pytest.param(without(5), r"line 5: the last line says 1 moves, but the file has 0", id="without a move"),
        pytest.param(edited(3, "models/1", "other/1"), r"line 6: the checksum", id="a source that was edited"),
        pytest.param(edited(1, "registry/1", "registry/2"), r"line 1: format .* newer Podium", id="a newer format"),
        pytest.param(edited(3, '"version": 1', '"version": "1"'), r"line 3: version is not a whole", id="a text"),
        pytest.param(edited(3, "s3://models/1", "\\ud800"), r"line 3: .*surrogates", id="no character"),
        pytest.param(edited(3, '"s3://models/1"', "[]"), r"line 3: source is of the wrong type", id="a list"),
        pytest.param(edited(3, "1970-01-01T", "1970-13-01T"), r"line 3: ", id="a 13th month"),
        pytest.param(edited(3, "1970-01-01T", "01/01/1970 "), r"line 3: .* is no time such as", id="another date"),
        pytest.param(edited(2, '{"record"', '["record"'), r"line 2: ", id="no JSON"),
        pytest.param(edited(2, '"model", "model"', '"secret", "model"'), r"record 'secret' is none of", id="unknown"),
        pytest.param(
            lambda lines: [*lines, lines[2]], r"line 7: there are lines after the end", id="more after the end"
        ),
        pytest.param(lambda lines: [*lines[:5], *lines[1:]], r"line 6: model 'iris' is in the file twice", id="twice"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused_with_the_line(
    change: Callable[[list[bytes]], list[bytes]], sentence: str
) -> None:
    with pytest.raises(errors.InvalidInput, match=sentence):
        list(jsonlines.decode(change(exported(MOVED))))
