"""A request that is made up from a signature, held against MLflow's own schemas and parsing."""

import json
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from podium.serving import example


def build(inputs: list[dict[str, Any]], **more: Any) -> Any:
    body = example.build_request({"signature": {"inputs": json.dumps(inputs)}} | more)
    return None if body is None else json.loads(body)


def tensor(shape: list[int], dtype: str = "float32", **more: str) -> dict[str, Any]:
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}} | more


@pytest.mark.parametrize(
    ("inputs", "body"),
    [
        pytest.param(
            [{"type": "double", "name": "a"}, {"type": "string", "name": "b"}],
            {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, ""]]}},
            id="columns",
        ),
        pytest.param(
            [{"type": "long"}, {"type": "boolean"}], {"dataframe_split": {"data": [[0, False]]}}, id="no names"
        ),
        pytest.param([tensor([-1, 2])], {"inputs": [[0, 0]]}, id="a tensor"),
        pytest.param([tensor([-1], "str")], {"inputs": [""]}, id="a tensor of texts"),
        pytest.param(
            [tensor([-1, 1], name="x"), tensor([-1], "bool", name="y")],
            {"inputs": {"x": [[0]], "y": [False]}},
            id="named tensors",
        ),
        pytest.param(
            [
                {"name": "l", "type": "array", "items": {"type": "long"}},
                {"name": "o", "type": "object", "properties": {"when": {"type": "datetime"}}},
                {"name": "m", "type": "map", "values": {"type": "any"}},
            ],
            {
                "dataframe_split": {
                    "columns": ["l", "o", "m"],
                    "data": [[[0], {"when": "2000-01-01T00:00:00"}, {"": ""}]],
                }
            },
            id="what is nested",
        ),
        pytest.param([tensor([1000, 1000, 1000])], None, id="more than one would send"),
        pytest.param([{"type": "a type of tomorrow"}], None, id="an unknown type"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_a_request_has_the_shape_of_the_signature(inputs: list[dict[str, Any]], body: Any) -> None:
    assert build(inputs) == body


def test_a_signature_from_a_type_hint_asks_for_rows() -> None:
    assert build([{"type": "string", "required": True}], is_signature_from_type_hint=True) == {"inputs": [""]}


@pytest.mark.parametrize(
    "model", [{}, {"signature": None}, {"signature": {"inputs": None}}, {"signature": {"inputs": "{"}}]
)
def test_without_a_signature_there_is_no_request(model: dict[str, Any]) -> None:
    assert example.build_request(model) is None


scalars = st.sampled_from(["boolean", "integer", "long", "float", "double", "string", "binary", "datetime"])
columns = st.lists(scalars, min_size=1, max_size=5)


@hypothesis.settings(deadline=None)
@hypothesis.given(columns, st.booleans())
def test_mlflow_takes_a_request_from_any_columns(types: list[str], named: bool) -> None:
    from mlflow.models import utils
    from mlflow.pyfunc import scoring_server
    from mlflow.types import ColSpec, Schema

    schema = Schema([ColSpec(kind, f"c{n}" if named else None) for n, kind in enumerate(types)])
    body = example.build_request({"signature": {"inputs": schema.to_json()}})
    assert body is not None
    data = scoring_server.infer_and_parse_data(json.loads(body), schema)
    assert len(utils._enforce_schema(data, schema)) == 1


@hypothesis.settings(deadline=None)
@hypothesis.given(
    st.lists(st.integers(1, 4), max_size=3),
    st.sampled_from(["float32", "float64", "int32", "uint8", "bool"]),
    st.booleans(),
)
def test_mlflow_takes_a_request_from_any_tensor(shape: list[int], dtype: str, named: bool) -> None:
    import numpy
    from mlflow.models import utils
    from mlflow.pyfunc import scoring_server
    from mlflow.types import Schema, TensorSpec

    schema = Schema([TensorSpec(numpy.dtype(dtype), (-1, *shape), "x" if named else None)])
    body = example.build_request({"signature": {"inputs": schema.to_json()}})
    assert body is not None
    utils._enforce_schema(scoring_server.infer_and_parse_data(json.loads(body), schema), schema)
