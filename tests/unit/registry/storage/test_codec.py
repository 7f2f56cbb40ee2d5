"""Every entity comes back from its ConfigMap as it was; a ConfigMap edited into nonsense says where it is wrong."""

import dataclasses
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys
from tests.support import effort
from tests.unit.registry import factories


@settings(max_examples=effort.examples(150), deadline=None)
@given(factories.heads())
def test_a_head_comes_back_as_it_was(head: entities.Head) -> None:
    assert codec.decode_head(codec.encode_head(head)) == head


@settings(max_examples=effort.examples(150), deadline=None)
@given(factories.versions())
def test_a_version_comes_back_as_it_was(version: entities.Version) -> None:
    assert codec.decode_version(codec.encode_version(version)) == version


@settings(max_examples=effort.examples(100), deadline=None)
@given(factories.ANY_TEXT)
def test_a_claim_comes_back_as_it_was(name: str) -> None:
    claim = entities.Claim(name, factories.UID)
    assert codec.decode_claim(codec.encode_claim(claim)) == claim


@settings(max_examples=effort.examples(100), deadline=None)
@given(factories.histories().filter(bool))
def test_an_archive_comes_back_as_it_was(entries: tuple[entities.HistoryEntry, ...]) -> None:
    archive = entities.Archive(factories.UID, 7, entries)
    assert codec.decode_archive(codec.encode_archive(archive)) == archive


@settings(max_examples=effort.examples(100), deadline=None)
@given(factories.heads())
def test_every_key_and_value_can_be_stored_in_a_configmap(head: entities.Head) -> None:
    data = codec.encode_head(head).data
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) for key in data)
    assert not [value for value in data.values() if "\0" in value or value.encode() == b""]


def test_a_person_reads_aliases_numbers_and_history_line_by_line() -> None:
    head = factories.head(
        aliases={"champion": 3, "challenger": 2}, history=(factories.entry(1, to_version=3),), history_total=1
    )
    data = codec.encode_head(head).data
    assert data["aliases"] == "challenger=2\nchampion=3\n"
    assert data["lastVersion"] == "3"
    assert data["name"] == '"iris"'
    assert json.loads(data["history"].splitlines()[0]) == {
        "sequence": 1,
        "timeMs": 1001,
        "alias": "champion",
        "from": None,
        "to": 3,
        "reason": "set",
        "user": "joe",
        "via": "basic",
        "verified": True,
    }


def test_a_line_ends_with_what_the_admission_policy_reads() -> None:
    evidence = entities.Evidence((entities.GateRecord("a", True, "b"),), {"accuracy": 0.9})
    entry = factories.entry(1, why="because", evidence=evidence)
    facts = '"sequence": 1, "timeMs": 1001, "alias": "champion", "from": null, "to": 1, "reason": "set", '
    signature = '"user": "joe", "via": "basic", "verified": true}\n'
    assert codec.encode_history([entry]).endswith(facts + signature)
    approval = entities.Approval("approved", 5, factories.JOE, "because")
    approvals = codec.encode_version(factories.version(approvals=(approval,))).data["approvals"]
    assert approvals.endswith('"decision": "approved", "timeMs": 5, ' + signature)


def test_a_cluster_without_a_name_has_no_field() -> None:
    claim, pin = entities.ServingClaim("u", "n", "a", (1,)), entities.Pin("u", "n", "a")
    for cluster, field in (("", ""), ("east", ', "cluster": "east"')):
        head = factories.head(
            serving={"u": dataclasses.replace(claim, cluster=cluster)},
            pins={"champion": dataclasses.replace(pin, cluster=cluster)},
        )
        data = codec.encode_head(head).data
        assert data["serving"] == '{"uid": "u", "namespace": "n", "name": "a", "versions": [1]' + field + "}\n"
        assert data["pins"] == '{"alias": "champion", "uid": "u", "namespace": "n", "name": "a"' + field + "}\n"


def test_an_empty_description_and_none_are_told_apart() -> None:
    empty, none = factories.head(description=""), factories.head(description=None)
    assert codec.encode_head(empty).data["description"] == '""'
    assert "description" not in codec.encode_head(none).data


HEAD_FAULTS: dict[str, tuple[str, str | None, str]] = {
    "a format of the future": ("format", "2", "a newer Podium wrote it"),
    "no format": ("format", None, "is missing"),
    "no name": ("name", None, "is missing"),
    "a name without quotes": ("name", "iris", "is not JSON"),
    "a name that is a number": ("name", "1", "is not a JSON string"),
    "a name with half a character": ("name", r'"\ud800"', "is not JSON"),
    "no lastVersion": ("lastVersion", None, "is missing"),
    "a lastVersion in words": ("lastVersion", "three", "is not a number"),
    "a negative lastVersion": ("lastVersion", "-1", "is not a number"),
    "a lastVersion in Arabic digits": ("lastVersion", "٣", "is not a number"),
    "a lastVersion of a thousand digits": ("lastVersion", "9" * 1000, "is not a number"),
    "an alias without a number": ("aliases", "champion\n", "is not <name>=<number>"),
    "an alias with a blank": ("aliases", "cham pion=1\n", "is not <name>=<number>"),
    "tags in a list": ("tags", "[1]", "is not a JSON object whose values are strings"),
    "a tag that is a number": ("tags", '{"a": 1}', "is not a JSON object whose values are strings"),
    "tags of brackets without end": ("tags", "[" * 100_000, "is not JSON"),
    "a history that is no JSON": ("history", "yes\n", "is not JSON"),
    "a history with an unknown reason": ("history", '{"sequence": 1, "reason": "magic"}\n', "line 1: reason 'magic'"),
    "a history that lost its time": ("history", '{"sequence": 1, "reason": "set"}\n', "line 1: timeMs"),
    "a history that was cut": ("historyTotal", "9", "ends with sequence 1, not 9"),
    "a claim without versions": ("serving", '{"uid": "u", "namespace": "n", "name": "a"}\n', "line 1: versions"),
    "a claim of a true version": (
        "serving",
        '{"uid": "u", "namespace": "n", "name": "a", "versions": [true]}\n',
        "line 1: versions",
    ),
    "a pin of cluster 1": (
        "pins",
        '{"alias": "a", "uid": "u", "namespace": "n", "name": "a", "cluster": 1}\n',
        "line 1: cluster is not a string",
    ),
    "a pin without uid": ("pins", '{"alias": "a"}\n', "line 1: uid is not a string"),
    "a pin in a list": ("pins", "[]\n", "line 1 is not a JSON object"),
    "a deletion of maybe": ("deleted", "maybe", "is not 'true'"),
    "a version to delete in words": ("deleting", "1 two", "'two' is not a number"),
}


@pytest.mark.parametrize(("key", "value", "problem"), HEAD_FAULTS.values(), ids=HEAD_FAULTS)
def test_a_broken_head_names_the_object_and_the_key(key: str, value: str | None, problem: str) -> None:
    record = codec.encode_head(factories.head(history=(factories.entry(1),), history_total=1))
    with pytest.raises(errors.CorruptRegistry) as caught:
        codec.decode_head(_edited(record, key, value))
    fault = "history" if key == "historyTotal" else key
    assert (caught.value.object_name, caught.value.key) == (factories.UID, fault)
    assert problem in caught.value.problem


def test_a_move_that_was_read_is_written_as_it_was_and_one_that_was_changed_is_not() -> None:
    entry = factories.entry(1, why="a\u2028b")
    line = json.dumps(codec.entry_to_json(entry), ensure_ascii=False, separators=(",", ":"))
    record = codec.encode_head(factories.head(history=(entry,), history_total=1))
    [read] = codec.decode_head(_edited(record, "history", line)).history
    assert read == entry
    assert codec.encode_history([read]) == f"{line}\n"
    assert codec.encode_history([dataclasses.replace(read, why="c")]) != f"{line}\n"
    assert codec.encode_history([dataclasses.replace(read, why="c")]).count('"why": "c"') == 1


def _history_of(gate: str) -> str:
    entry = json.dumps(codec.entry_to_json(factories.entry(1)))
    return f'{{"gates": [{gate}], {entry.removeprefix("{")}\n'


def test_gates_are_recorded_for_people_and_for_programs() -> None:
    than = entities.MetricGate("f1", not_worse_than="champion", tolerance=0.01)
    met, unmet, unknown = entities.Outcome
    records = (
        entities.GateRecord("accuracy >= 0.9", True, "0.93", entities.MetricGate("accuracy", min=0.9), met),
        entities.GateRecord("f1 …", False, "missing", than, unknown, entities.Cause.MISSING),
        entities.GateRecord("tag ok = yes", False, "no", entities.TagGate("ok", "yes"), unmet),
        entities.GateRecord("approval Manual", True, "approved by ann", entities.ApprovalGate(), met),
    )
    entry = factories.entry(1, evidence=entities.Evidence(records, {}))
    assert json.loads(codec.encode_history([entry]))["gates"] == [
        {
            "gate": "accuracy >= 0.9",
            "passed": True,
            "value": "0.93",
            "rule": {"metric": "accuracy", "min": 0.9},
            "outcome": "met",
        },
        {
            "gate": "f1 …",
            "passed": False,
            "value": "missing",
            "rule": {"metric": "f1", "notWorseThan": {"alias": "champion", "tolerance": 0.01, "better": "Higher"}},
            "outcome": "unknown",
            "cause": "missing",
        },
        {
            "gate": "tag ok = yes",
            "passed": False,
            "value": "no",
            "rule": {"tag": "ok", "value": "yes"},
            "outcome": "unmet",
        },
        {
            "gate": "approval Manual",
            "passed": True,
            "value": "approved by ann",
            "rule": {"approval": "Manual"},
            "outcome": "met",
        },
    ]


def test_a_gate_that_an_earlier_podium_recorded_is_read_and_written_as_the_text_that_it_is() -> None:
    line = _history_of('{"gate": "accuracy >= 0.9", "passed": true, "value": "0.93"}')
    record = codec.encode_head(factories.head(history_total=1))
    [entry] = codec.decode_head(_edited(record, "history", line)).history
    assert entry.evidence.gates == (entities.GateRecord("accuracy >= 0.9", True, "0.93"),)
    assert (entry.evidence.gates[0].rule, entry.evidence.gates[0].outcome) == (None, None)
    assert codec.encode_history([dataclasses.replace(entry)]) == line  # as an import writes it


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ('"outcome": 1', "outcome is not a string"),
        ('"cause": null', "cause is not a string"),
        ('"rule": "accuracy >= 0.9"', "rule is not a JSON object"),
        ('"rule": {"metric": "a"}', "metric 'a' needs exactly one of min, max and notWorseThan"),
        ('"rule": {"tag": "a"}', "value is not a string"),
        ('"rule": {"approval": 1}', "approval is not a string"),
    ],
)
def test_a_gate_of_nonsense_names_the_field(field: str, problem: str) -> None:
    history = _history_of('{"gate": "a", "passed": true, "value": "b", ' + field + "}")
    with pytest.raises(errors.CorruptRegistry) as caught:
        codec.decode_head(_edited(codec.encode_head(factories.head(history_total=1)), "history", history))
    assert f"line 1: {problem}" in caught.value.problem


@pytest.mark.parametrize(
    "field",
    ['"outcome": "perhaps"', '"cause": "whatever"', '"rule": {"drift": 0.1}', '"rule": {"approval": "TwoPeople"}'],
)
def test_a_gate_that_a_newer_podium_recorded_is_read_as_its_text_and_written_again_whole(field: str) -> None:
    line = _history_of('{"gate": "a", "passed": true, "value": "b", ' + field + "}")
    record = codec.encode_head(factories.head(history_total=1))
    head = codec.decode_head(_edited(record, "history", line))
    assert head.history[0].evidence.gates == (entities.GateRecord("a", True, "b"),)
    assert codec.encode_head(head).data["history"] == line


def test_a_history_with_a_gap_is_refused() -> None:
    history = codec.encode_history([factories.entry(1), factories.entry(3)])
    record = _edited(codec.encode_head(factories.head()), "history", history)
    with pytest.raises(errors.CorruptRegistry, match="sequence 3 follows 1"):
        codec.decode_head(record)


LABEL_FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "no labels": ({}, names.REGISTRY_KIND_LABEL),
    "the kind of another": (keys.labels(keys.VERSION, factories.UID), names.REGISTRY_KIND_LABEL),
    "the uid of another": (keys.labels(keys.HEAD, "other"), names.REGISTRY_UID_LABEL),
    "no uid": ({names.REGISTRY_KIND_LABEL: keys.HEAD}, names.REGISTRY_UID_LABEL),
}


@pytest.mark.parametrize(("labels", "key"), LABEL_FAULTS.values(), ids=LABEL_FAULTS)
def test_a_head_with_wrong_labels_names_the_label(labels: dict[str, str], key: str) -> None:
    record = dataclasses.replace(codec.encode_head(factories.head()), labels=labels)
    with pytest.raises(errors.CorruptRegistry) as caught:
        codec.decode_head(record)
    assert caught.value.key == key


def _edited(record: backend.Record, key: str, value: str | None) -> backend.Record:
    data = {k: v for k, v in record.data.items() if k != key}
    return dataclasses.replace(record, data=data if value is None else {**data, key: value})


OTHER_FAULTS: dict[str, tuple[Any, backend.Record, str]] = {
    "a claim with another name's text": (
        codec.decode_claim,
        dataclasses.replace(codec.encode_claim(entities.Claim("b", "u")), name=keys.claim_name("a")),
        "another name's claim",
    ),
    "a claim whose uid was edited": (
        codec.decode_claim,
        dataclasses.replace(codec.encode_claim(entities.Claim("b", "u")), labels=keys.labels(keys.CLAIM, "v")),
        "differs from the label's",
    ),
    "a version with another's number": (
        codec.decode_version,
        dataclasses.replace(
            codec.encode_version(factories.version(number=2)), name=keys.version_name(factories.UID, 1)
        ),
        "does not belong to this object's name",
    ),
    "a version with half a digest": (
        codec.decode_version,
        _edited(codec.encode_version(factories.version()), "digest", "sha256:0a"),
        "'sha256:0a' is not sha256:<64 hexadecimal digits>",
    ),
    "an archive with another's number": (
        codec.decode_archive,
        dataclasses.replace(
            codec.encode_archive(entities.Archive(factories.UID, 2, (factories.entry(1),))),
            name=keys.archive_name(factories.UID, 1),
        ),
        "does not belong to this object's name",
    ),
    "an empty archive": (
        codec.decode_archive,
        codec.encode_archive(entities.Archive(factories.UID, 1, ())),
        "holds no entry",
    ),
}


@pytest.mark.parametrize(("decode", "record", "problem"), OTHER_FAULTS.values(), ids=OTHER_FAULTS)
def test_an_object_in_another_ones_place_is_refused(decode: Any, record: backend.Record, problem: str) -> None:
    with pytest.raises(errors.CorruptRegistry, match=problem):
        decode(record)


OWNER = entities.Pin("u1", "models", "iris")
GATES = entities.Gates(
    (
        entities.MetricGate("accuracy", min=0.9),
        entities.MetricGate("latency", max=20),
        entities.MetricGate("f1", not_worse_than="champion", tolerance=0.01),
    ),
    {"approval_status": "approved"},
    "Manual",
)
POLICY = entities.Policy(factories.UID, {"champion": (OWNER, GATES)})
LINE = {
    "alias": "champion",
    "uid": "u1",
    "namespace": "models",
    "name": "iris",
    "metrics": [
        {"name": "accuracy", "min": 0.9},
        {"name": "latency", "max": 20},
        {"name": "f1", "notWorseThan": {"alias": "champion", "tolerance": 0.01, "better": "Higher"}},
    ],
    "tags": {"approval_status": "approved"},
    "approval": "Manual",
}


@settings(max_examples=effort.examples(200), deadline=None)
@given(factories.policies())
def test_a_policy_comes_back_as_it_was(policy: entities.Policy) -> None:
    assert codec.decode_policy(codec.encode_policy(policy)) == policy


def test_a_person_reads_the_gates_of_an_alias_in_one_line() -> None:
    record = codec.encode_policy(POLICY)
    assert record.name == f"{factories.UID}-policy"
    assert json.loads(record.data["gates"]) == LINE


def edited(**fields: Any) -> backend.Record:
    """The policy with another line; a field that is ... is not there."""
    line = {key: value for key, value in {**LINE, **fields}.items() if value is not ...}
    record = codec.encode_policy(POLICY)
    return dataclasses.replace(record, data={**record.data, "gates": json.dumps(line) + "\n"})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"approval": "Nobody"}, "is none of Automatic, Manual"),
        ({"approval": ...}, "approval is not a string"),
        ({"alias": ...}, "alias is not a string"),
        ({"uid": 7}, "uid is not a string"),
        ({"metrics": {}}, "metrics is not a list"),
        ({"metrics": [{"name": "accuracy"}]}, "exactly one of min, max and notWorseThan"),
        ({"metrics": [{"name": "accuracy", "min": 0.1, "max": 1}]}, "exactly one of min, max and notWorseThan"),
        ({"metrics": [{"name": "accuracy", "min": "0.9"}]}, "min is not a finite number"),
        ({"metrics": [{"name": "accuracy", "min": float("nan")}]}, "min is not a finite number"),
        ({"metrics": [{"name": "accuracy", "max": 10**400}]}, "max is not a finite number"),
        ({"metrics": [{"name": "f1", "notWorseThan": "champion"}]}, "notWorseThan is not a JSON object"),
        ({"metrics": [{"name": "f1", "notWorseThan": {"alias": "champion"}}]}, "better is not a string"),
        (
            {"metrics": [{"name": "f1", "notWorseThan": {"alias": "champion", "better": "Lower", "tolerance": -1}}]},
            "the tolerance is negative",
        ),
        ({"tags": {"a": None}}, "tags is not an object of strings"),
    ],
)
def test_a_gate_that_cannot_be_read_is_an_error_that_says_where(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(errors.CorruptRegistry, match=f"{factories.UID}-policy, key 'gates': .*{problem}"):
        codec.decode_policy(edited(**fields))


def test_an_alias_whose_gates_stand_twice_is_an_error() -> None:
    record = codec.encode_policy(POLICY)
    twice = dataclasses.replace(record, data={**record.data, "gates": record.data["gates"] * 2})
    with pytest.raises(errors.CorruptRegistry, match="one alias twice"):
        codec.decode_policy(twice)
