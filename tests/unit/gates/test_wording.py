"""What people read about gates: titles, what was found, refusals, remedies; and what of that the history keeps."""

import math
import pathlib
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.api import gates as gates_api
from podium.gates import evaluate, outcomes, wording
from podium.registry.model import entities
from podium.registry.model.entities import Cause, Outcome
from podium.registry.storage import codec, limits
from podium.rollout import gating
from tests.support import effort
from tests.unit.gates import factories
from tests.unit.registry import factories as values

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs/gates.md"

OWNER = entities.Pin("u1", "models", "iris")
ACCURACY = entities.MetricGate("accuracy", min=0.9)
LATENCY = entities.MetricGate("latency", max=20)
NOT_WORSE = entities.MetricGate("f1", not_worse_than="champion", tolerance=0.01)
TAG, APPROVAL = entities.TagGate("approval_status", "approved"), entities.ApprovalGate()


@pytest.mark.parametrize(
    ("rule", "title"),
    [
        (ACCURACY, "accuracy >= 0.9"),
        (LATENCY, "latency <= 20"),
        (entities.MetricGate("val loss", max=math.nan), "val loss <= NaN"),
        (NOT_WORSE, "f1 not worse than champion by more than 0.01"),
        (
            entities.MetricGate("loss", not_worse_than="champion", better="Lower"),
            "loss not worse than champion (lower is better)",
        ),
        (TAG, "tag approval_status = approved"),
        (entities.TagGate("note", "a\nb"), r"tag note = 'a\nb'"),
        (entities.TagGate("note", "y" * 100), f"tag note = {'y' * 60}…"),
        (APPROVAL, "approval Manual"),
    ],
)
def test_a_gate_is_named_by_what_it_asks_for(rule: entities.Rule, title: str) -> None:
    assert wording.title(rule) == title


def metric(rule: entities.MetricGate, *found: float, lack: outcomes.Lack | None = None) -> outcomes.MetricResult:
    return outcomes.MetricResult(rule, Outcome.UNKNOWN if lack else Outcome.UNMET, *found, lack=lack)


def decided(what: Any, who: str = "ann", why: str = "") -> outcomes.ApprovalResult:
    is_met = what == "approved"
    decision = entities.Approval(what, 1, entities.Actor(who, "kubernetes", True), why)
    return outcomes.ApprovalResult(APPROVAL, Outcome.MET if is_met else Outcome.UNMET, decision)


def tagged(found: str | None) -> outcomes.TagResult:
    return outcomes.TagResult(TAG, Outcome.MET if found == TAG.value else Outcome.UNMET, found)


def void(**about: Any) -> outcomes.ApprovalResult:
    decision = entities.Approval("approved", 1, entities.Actor("ann", "kubernetes", True), "fine", **about)
    return outcomes.ApprovalResult(APPROVAL, Outcome.UNMET, void=decision)


UNDECIDED = outcomes.ApprovalResult(APPROVAL, Outcome.UNMET)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (metric(ACCURACY, 0.8999), "0.8999"),
        (metric(LATENCY, 21.0), "21"),
        (metric(NOT_WORSE, 0.89, 0.91), "0.89; champion has 0.91"),
        (outcomes.MetricResult(NOT_WORSE, Outcome.MET, 0.1), "0.1; champion designates no version"),
        (metric(NOT_WORSE, 0.9, lack=outcomes.Lack(Cause.NAN)), "0.9; of champion: NaN"),
        (metric(NOT_WORSE, lack=outcomes.Lack(Cause.INFINITE)), "infinite"),
        (tagged("Approved"), "Approved"),
        (tagged(None), "missing"),
        (tagged(""), "''"),
        (tagged("x\n" + "y" * 100_000), repr("x\n" + "y" * 58 + "…")),
        (UNDECIDED, "not approved yet"),
        (
            void(artifact="s3://a", digest="sha256:0a"),
            "not approved yet; the last decision (approved by ann: fine) is about another artifact, s3://a (sha256:0a)",
        ),
        (
            void(artifact="s3://a/1\n2"),
            "not approved yet; the last decision (approved by ann: fine) is about another artifact, 's3://a/1\\n2'",
        ),
        (void(), "not approved yet; the last decision (approved by ann: fine) does not say of which artifact"),
        (decided("approved"), "approved by ann"),
        (decided("rejected", "joe", "too slow"), "rejected by joe: too slow"),
        (decided("approved", "", "fixed"), "approved by an unknown user: fixed"),
    ],
)
def test_what_was_found_stands_beside_it(result: outcomes.GateResult, text: str) -> None:
    assert wording.finding(result) == text


LACKS = {
    Cause.MISSING: ("missing", "missing: DETAIL"),
    Cause.NAN: ("NaN", "NaN, by DETAIL"),
    Cause.INFINITE: ("infinite", "infinite, by DETAIL"),
    Cause.CONTRADICTORY: ("contradictory", "contradictory: DETAIL"),
    Cause.NOT_READ: ("is read from MLflow when the alias moves",) * 2,
    Cause.NOT_RECORDED: ("not recorded when the alias moved: move the alias again",) * 2,
    Cause.NEVER_MOVED: ("not recorded, because the alias was never moved to this version in MLflow",) * 2,
    Cause.MIRRORED: (
        "not recorded when the alias moved in the mirrored server",
        "not recorded when the alias moved in DETAIL",
    ),
    Cause.GATED_ELSEWHERE: (
        "not recorded, because the store asks for the gates of another ModelAlias",
        "not recorded, because the store asks for the gates of DETAIL, which came first",
    ),
    Cause.OTHER_ARTIFACT: (
        "recorded of another artifact: move the alias again",
        "recorded of another artifact, DETAIL: move the alias again",
    ),
}


@pytest.mark.parametrize("cause", Cause)
def test_a_number_that_is_lacking_has_a_cause_in_words(cause: Cause) -> None:
    plain, detailed = (metric(ACCURACY, lack=outcomes.Lack(cause, detail)) for detail in ("", "DETAIL"))
    assert (wording.finding(plain), wording.finding(detailed)) == LACKS[cause]


def test_each_gate_that_fails_is_named_with_what_was_found_and_what_to_do() -> None:
    told = wording.refusal(
        "iris classifier",
        3,
        "champion",
        [
            metric(ACCURACY, 0.87),
            outcomes.MetricResult(LATENCY, Outcome.MET, 12.0),
            tagged(None),
            decided("rejected", "joe", "too slow"),
        ],
        OWNER,
    )
    assert told.splitlines() == [
        "version 3 of 'iris classifier' may not have alias 'champion': it fails 3 of 4 gates (ModelAlias models/iris, "
        "spec.gates); the alias was not moved.",
        "- accuracy >= 0.9: found 0.87. Choose a version that meets it; if the value is missing or wrong, log it "
        "again: client.log_metric(RUN_ID, 'accuracy', VALUE)",
        "- tag approval_status = approved: found missing. If it is true of this version: "
        "client.set_model_version_tag('iris classifier', '3', 'approval_status', 'approved')",
        "- approval Manual: found rejected by joe: too slow. Ask an approver to run: podium approve 'iris classifier' "
        "3 --why TEXT",
    ]


def test_the_refusal_that_the_documents_show_is_what_their_gates_say() -> None:
    text = DOCUMENT.read_text()
    [gates] = [yaml.safe_load(block)["spec"]["gates"] for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    demanded = gating.read_spec(gates_api.Gates.model_validate(gates))
    metrics = {"accuracy": 0.93, "latency_ms": 12.0, "f1_macro": 0.88, "f1_macro@champion": 0.91}
    results = evaluate.evaluate(demanded, values.version(number=7), metrics, {}, ())
    [shown] = re.findall(r"```text\n(.*?)\n```", text, re.DOTALL)
    assert wording.refusal("iris-classifier", 7, "champion", results, OWNER) == shown


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (entities.MetricGate("val loss", max=0.5), "'val loss'"),
        (NOT_WORSE, "'f1'"),
        (entities.MetricGate("tag of it", min=3), "'tag of it'"),
        (entities.MetricGate("a >= b", min=3), "'a >= b'"),
    ],
)
def test_the_metric_to_log_is_named(rule: entities.MetricGate, name: str) -> None:
    told = wording.refusal("m", 1, "a", [metric(rule, lack=outcomes.Lack(Cause.MISSING))])
    assert f"client.log_metric(RUN_ID, {name}, VALUE)" in told


def test_the_call_that_sets_a_tag_has_its_whole_value() -> None:
    result = outcomes.TagResult(entities.TagGate("a = b", "long = " * 100), Outcome.UNMET)
    told = wording.refusal("m", 1, "a", [result])
    assert f"client.set_model_version_tag('m', '1', 'a = b', '{'long = ' * 100}')" in told


def test_the_command_can_be_pasted_whatever_the_models_name_is() -> None:
    told = wording.refusal("it's; rm -rf $HOME", 3, "champion", [UNDECIDED])
    assert r"podium approve 'it'\''s; rm -rf $HOME' 3 --why TEXT" in told


@pytest.mark.parametrize(
    ("result", "advice"),
    [
        (metric(ACCURACY, 0.8), "Move 'champion' to a version that meets it"),
        (metric(ACCURACY, lack=outcomes.Lack(Cause.MISSING)), "Move 'champion' to a version that meets it"),
        (
            metric(ACCURACY, lack=outcomes.Lack(Cause.NOT_RECORDED)),
            "client.set_registered_model_alias('iris', 'champion', '2')",
        ),
        (
            metric(ACCURACY, lack=outcomes.Lack(Cause.NEVER_MOVED)),
            "First move 'champion' to version 2 in MLflow, or remove this gate",
        ),
        (
            metric(NOT_WORSE, 0.9, lack=outcomes.Lack(Cause.MIRRORED, "http://mlflow")),
            "Log it there, then move 'champion' away and back, or remove this gate",
        ),
        (
            metric(ACCURACY, lack=outcomes.Lack(Cause.GATED_ELSEWHERE, "ModelAlias models/other")),
            "Add this gate there and set the alias again, or remove it here",
        ),
        (tagged(None), "client.set_model_version_tag('iris', '2', 'approval_status', 'approved')"),
        (UNDECIDED, "Ask an approver to run: podium approve iris 2 --why TEXT"),
    ],
)
def test_whoever_looks_at_the_modelalias_reads_what_to_do_about_each_gate(
    result: outcomes.GateResult, advice: str
) -> None:
    passed = outcomes.MetricResult(LATENCY, Outcome.MET, 12.0)
    told = wording.failures([passed, result, result], "iris", 2, "champion")
    first, second = told.split(" (2) ")
    assert first == f"(1) {second}"
    assert second.startswith(f"{wording.title(result.rule)}: found {wording.finding(result)}. ")
    assert second.endswith(advice)
    assert wording.count_failed([passed, result, result]) == "2 of 3 gates"


def test_gates_that_are_met_are_told_with_what_was_found() -> None:
    results = [outcomes.MetricResult(ACCURACY, Outcome.MET, 0.95), tagged("approved")]
    assert wording.summary(results) == "accuracy >= 0.9 (found 0.95); tag approval_status = approved (found approved)"
    assert wording.count_failed([UNDECIDED]) == "1 of 1 gate"


def test_the_history_keeps_the_texts_and_the_parts_that_programs_need() -> None:
    results = [metric(NOT_WORSE, 0.9, lack=outcomes.Lack(Cause.NAN, "run 0af3")), tagged("approved"), UNDECIDED]
    judged = values.version(digest="sha256:0a")
    found = wording.build_evidence(results, {"f1": 0.9}, judged)
    assert found == entities.Evidence(
        (
            entities.GateRecord(
                "f1 not worse than champion by more than 0.01",
                False,
                "0.9; of champion: NaN, by run 0af3",
                NOT_WORSE,
                Outcome.UNKNOWN,
                Cause.NAN,
            ),
            entities.GateRecord("tag approval_status = approved", True, "approved", TAG, Outcome.MET),
            entities.GateRecord("approval Manual", False, "not approved yet", APPROVAL, Outcome.UNMET),
        ),
        {"f1": 0.9},
        judged.artifact_uri,
        "sha256:0a",
    )


@settings(max_examples=effort.examples(100), deadline=None)
@given(factories.GATES, values.versions(), st.data())
def test_every_result_is_told_on_one_line_and_comes_back_from_the_history_as_it_was_recorded(
    gates: entities.Gates, version: entities.Version, data: st.DataObject
) -> None:
    keys = [evaluate.evidence_key(*each) for each in evaluate.list_metrics(gates)]
    metrics = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, factories.VALUES)))
    lacks = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, factories.LACKS)))
    results = evaluate.evaluate(gates, version, metrics, lacks, ())
    found = wording.build_evidence(results, metrics, version)
    assert all(record.value and "\n" not in record.gate + record.value for record in found.gates)
    assert [record.passed for record in found.gates] == [outcomes.is_met(result) for result in results]
    head = values.head(history=(values.entry(1, evidence=found),), history_total=1)
    assert codec.decode_head(codec.encode_head(head)) == head


def test_the_usual_gates_take_few_bytes_of_a_head_and_the_most_that_may_be_asked_for_stay_far_below_an_object(
    record_property: Any,
) -> None:
    few = entities.Gates((ACCURACY, LATENCY, NOT_WORSE), {"approval_status": "approved"}, "Manual")
    than = [{"alias": "a" * 255, "tolerance": 0.123456789, "better": "Lower"}] * gates_api.METRICS_LIMIT
    bounds = [
        entities.MetricGate(f"{number:0250}", not_worse_than=each["alias"], tolerance=0.123456789, better="Lower")
        for number, each in enumerate(than)
    ]
    tags = {f"{number:0250}": "한" * 1024 for number in range(gates_api.TAGS_LIMIT)}
    most = entities.Gates(tuple(bounds), tags, "Manual")
    sizes = []
    for gates in (few, most):
        metrics = {evaluate.evidence_key(*each): 0.9300000000000001 for each in evaluate.list_metrics(gates)}
        version = values.version(
            tags=dict(gates.tags), approvals=(decided("approved", "a" * 256, "w" * 2000).decision,)
        )
        found = wording.build_evidence(evaluate.evaluate(gates, version, metrics, {}, ()), metrics, version)
        sizes.append(limits.text_bytes(codec.encode_history([values.entry(1, evidence=found)])))
    assert sizes[0] < limits.HISTORY_KEPT_BYTES / 2
    assert sizes[1] < limits.OBJECT_BYTES / 2
    record_property("figure", f"an entry of 5 gates takes {sizes[0]:,} bytes, one of 53 at their limits {sizes[1]:,}")
