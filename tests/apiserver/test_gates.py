"""What the API server says of spec.gates: what it refuses, in which words, and what it takes."""

import json
from typing import Any

import pytest

from tests.apiserver.objects import create, manifest, merged, refusal
from tests.support import cluster

pytestmark = pytest.mark.usefixtures("kinds")

NAME = "write the metric's name as it was logged"
TAGS = "write tag keys that MLflow takes"
ONE_BOUND = "write exactly one of min, max and notWorseThan"
ONCE = "write each bound of a metric once"
AT_LEAST_ONE = "write at least one gate (metrics, tags or approval: Manual), or remove spec.gates"
ALIAS = "write an alias that MLflow accepts: letters, digits, '_' and '-'; not 'latest', not 'v1'"


def metric(**fields: Any) -> dict[str, Any]:
    return {"metrics": [{"name": "accuracy"} | fields]}


def not_worse(**fields: Any) -> dict[str, Any]:
    return {"name": "f1", "notWorseThan": {"alias": "champion"} | fields}


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        pytest.param({}, AT_LEAST_ONE, id="empty gates"),
        pytest.param({"metrics": [], "tags": {}}, AT_LEAST_ONE, id="empty lists of gates"),
        pytest.param({"approval": "Automatic"}, AT_LEAST_ONE, id="an approval that nobody has to give"),
        pytest.param({"approval": "manual"}, 'supported values: "Automatic", "Manual"', id="an approval in lower case"),
        pytest.param(metric(), ONE_BOUND, id="a metric without a bound"),
        pytest.param(metric(min=0.9, max=0.95), ONE_BOUND, id="two bounds in one entry"),
        pytest.param(metric(min=0.9, notWorseThan={"alias": "champion"}), ONE_BOUND, id="a bound and a comparison"),
        pytest.param(metric(min="0.9"), 'must be of type number: "string"', id="a bound in quotes"),
        pytest.param(metric(tolerance=0.1, min=0.9), 'unknown field "spec.gates.metrics[0].tolerance"', id="tolerance"),
        pytest.param({"metrics": [{"min": 0.9}]}, "spec.gates.metrics[0].name: Required value", id="no name"),
        pytest.param(metric(name="", min=1), "should be at least 1 chars long", id="an empty name"),
        pytest.param(metric(name="a@b", min=1), NAME, id="a name with @"),
        pytest.param(metric(name="a//b", min=1), NAME, id="a name with an empty part"),
        pytest.param(metric(name="../a", min=1), NAME, id="a name that leads up"),
        pytest.param(metric(name="a\n", min=1), NAME, id="a name with a line break"),
        pytest.param(metric(name="a" * 251, min=1), "may not be more than 250 bytes", id="a name of 251 characters"),
        pytest.param(
            {"metrics": [not_worse(tolerance=-0.1)]}, "should be greater than or equal to 0", id="a tolerance below 0"
        ),
        pytest.param({"metrics": [not_worse(alias=None)]}, "alias: Required value", id="a comparison with nothing"),
        pytest.param({"metrics": [not_worse(alias="v3")]}, ALIAS, id="a comparison with a version"),
        pytest.param({"metrics": [not_worse(alias="latest")]}, ALIAS, id="a comparison with the latest"),
        pytest.param({"metrics": [not_worse(alias="iris@champion")]}, ALIAS, id="a comparison with a URI"),
        pytest.param({"metrics": [not_worse(better="higher")]}, 'supported values: "Higher", "Lower"', id="better"),
        pytest.param({"metrics": [{"name": "a", "min": 1}, {"name": "a", "min": 2}]}, ONCE, id="two minima"),
        pytest.param({"metrics": [not_worse(), not_worse(tolerance=1)]}, ONCE, id="one comparison twice"),
        pytest.param(
            {"metrics": [{"name": "a", "min": 2}, {"name": "a", "max": 1}]},
            "write a min that is not above the max of the same metric",
            id="a range of nothing",
        ),
        pytest.param(
            {"metrics": [{"name": f"m{n}", "min": 1} for n in range(21)]}, "must have at most 20 items", id="21 metrics"
        ),
        pytest.param({"tags": {"": "x"}}, TAGS, id="an empty tag key"),
        pytest.param({"tags": {"a@b": "x"}}, TAGS, id="a tag key with @"),
        pytest.param({"tags": {"a/../b": "x"}}, TAGS, id="a tag key that leads up"),
        pytest.param({"tags": {"k" * 251: "x"}}, TAGS, id="a tag key of 251 characters"),
        pytest.param({"tags": {"a": True}}, 'must be of type string: "boolean"', id="a tag value without quotes"),
        pytest.param({"tags": {"a": "x" * 1025}}, "may not be more than 1024 bytes", id="a tag value of 1,025"),
        pytest.param({"tags": {f"k{n}": "" for n in range(33)}}, "must have at most 32 items", id="33 tags"),
        pytest.param({"manual": True}, 'unknown field "spec.gates.manual"', id="a gate that there is not"),
    ],
)
def test_gates_that_cannot_be_held_are_refused_with_what_to_write(
    api: cluster.Api, namespace: str, gates: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(api, namespace, manifest("ModelAlias", gates=gates))


@pytest.mark.parametrize("literal", ["1e400", "NaN", "Infinity"])
def test_a_bound_that_is_no_finite_number_is_refused(api: cluster.Api, namespace: str, literal: str) -> None:
    body = json.dumps(manifest("ModelAlias", gates=metric(min=987654))).replace("987654", literal)
    path = f"apis/podium.dev/v1beta1/namespaces/{namespace}/modelaliases"
    with pytest.raises(cluster.Refused) as refused:
        api.raw("POST", path, params={"dryRun": "All"}, content=body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "gates",
    [
        pytest.param({"metrics": [{"name": "accuracy", "min": 1}]}, id="a whole number"),
        pytest.param({"metrics": [{"name": "loss", "max": -0.5}]}, id="a negative bound"),
        pytest.param({"metrics": [{"name": "a", "min": 0.5}, {"name": "a", "max": 0.5}]}, id="a range of one value"),
        pytest.param(
            {"metrics": [not_worse(), not_worse(alias="staging"), {"name": "f1", "min": 0.8}]}, id="one metric thrice"
        ),
        pytest.param({"metrics": [{"name": "val/f1 macro: class-1", "min": 0}]}, id="a metric's name with all marks"),
        pytest.param({"metrics": [{"name": "정확도", "min": 0}]}, id="a Korean metric"),
        pytest.param({"metrics": [not_worse(alias="étoile-1_x", tolerance=0)]}, id="an alias with an accent"),
        pytest.param({"tags": {"approval_status": "approved", "empty": ""}}, id="tags"),
        pytest.param({"approval": "Manual"}, id="an approval alone"),
        pytest.param(
            {
                "metrics": [{"name": f"m{n}".ljust(250, "x"), "min": n} for n in range(20)],
                "tags": {f"k{n}".ljust(250, "x"): "v" * 1024 for n in range(32)},
                "approval": "Manual",
            },
            id="all that there may be",
        ),
    ],
)
def test_gates_that_can_be_held_are_taken_as_they_are_written(
    api: cluster.Api, namespace: str, gates: dict[str, Any]
) -> None:
    made = create(api, namespace, manifest("ModelAlias", gates=gates))["spec"]["gates"]
    assert made["approval"] == gates.get("approval", "Automatic")
    assert made.get("tags", {}) == gates.get("tags", {})
    for given, stored in zip(gates.get("metrics", []), made.get("metrics", []), strict=True):
        assert merged(stored, given) == stored


def test_gates_that_are_not_written_stay_out(api: cluster.Api, namespace: str) -> None:
    assert "gates" not in create(api, namespace, manifest("ModelAlias"))["spec"]
