"""The application around MLflow's own scoring application, with models as MLflow saves and loads them."""

import asyncio
import datetime
import functools
import json
import pathlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import hypothesis
import mlflow
import numpy
import pandas
import pytest
from hypothesis import strategies as st
from mlflow import exceptions, pyfunc
from mlflow.models import signature
from mlflow.protos import databricks_pb2
from mlflow.pyfunc import scoring_server
from mlflow.types import responses, schema
from sklearn import linear_model

from podium import names
from podium.serving import application, predictions, settings

Ask = Callable[..., Awaitable["Answered"]]
TABLE = signature.ModelSignature(inputs=schema.Schema([schema.ColSpec("double", "a"), schema.ColSpec("double", "b")]))
ROWS = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0]]}}
NON_FINITE = {
    "array": numpy.array([numpy.nan, numpy.inf, -numpy.inf, 1.0]),
    "tensor": numpy.array([[[numpy.nan], [1.0]]], dtype=numpy.float32),
    "table": pandas.DataFrame({"x": [numpy.nan, 1.0], "text": ["NaN", 'a "NaN", \\']}),
    "nested": {"scores": [{"p": numpy.float64("nan")}, float("-inf")], "Infinity": "-Infinity"},
}


class Answered:
    """An answer, and what was counted."""

    def __init__(self, response: httpx.Response, recorder: "Recorder") -> None:
        self.status, self.type, self.text = response.status_code, response.headers["content-type"], response.text
        self.code, self.cause = recorder.counted[-1]

    @property
    def json(self) -> Any:
        """The body, as a parser reads it that knows what JSON has."""

        def refuse(name: str) -> Any:
            raise AssertionError(f"{name} is no JSON: {self.text}")

        return json.loads(self.text, parse_constant=refuse)


class Recorder:
    """Keeps what was counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[int, names.ErrorCause | None]] = []

    def record(self, code: int, seconds: float, cause: names.ErrorCause | None = None) -> None:
        self.counted.append((code, cause))


class Misbehaving(pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types
    """Does what its first column says."""

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # hints would be checked
        asked = int(model_input["a"].iloc[0])
        if asked == 2:
            raise exceptions.MlflowException("what I looked for is gone", databricks_pb2.RESOURCE_DOES_NOT_EXIST)
        if asked == 3:
            raise SystemExit(1)
        if asked == 4:
            return [object()]
        if asked == 5:
            time.sleep(3)
        if asked == 6:
            raise StopIteration
        return [1 / asked, (params or {}).get("k", 0)]


class Constant(pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types
    """Predicts one of NON_FINITE."""

    def __init__(self, name: str) -> None:
        self._name = name

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # hints would be checked
        return NON_FINITE[self._name]


class Hinted(pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types
    """Its input is checked by type hints, inside of predict."""

    def predict(self, model_input: list[dict[str, int]], params: Any = None) -> Any:
        return [1 / row["a"] for row in model_input]


class Dated(pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types
    """Its input is read by type hints."""

    def predict(self, model_input: list[datetime.datetime], params: Any = None) -> Any:
        return [each.year for each in model_input]


class Agent(pyfunc.ResponsesAgent):  # type: ignore[misc]  # MLflow has no types
    """Answers, fails, or answers what is no response."""

    def predict(self, request: responses.ResponsesAgentRequest) -> Any:
        asked = request.input[0].content
        if asked == "fail":
            raise KeyError("no provider")
        if asked == "nonsense":
            return {"output": 5}
        item = self.create_text_output_item(text="Hi", id="1")
        return responses.ResponsesAgentResponse(output=[item], custom_outputs={"score": float("nan")})


@functools.cache
def load(saved: pathlib.Path) -> Any:
    """The model, as the server loads it."""
    model = scoring_server.load_model_with_mlflow_config(str(saved))
    predictions.watch(model)
    return model


@pytest.fixture
def ask() -> Callable[..., Ask]:
    """A function that asks a loaded model, with settings."""

    def serve(saved: pathlib.Path, **environment: str) -> Ask:
        model = load(saved)
        recorder = Recorder()
        served: Any = application.Application(
            scoring_server.init(model),
            application.Identity("iris", "7", mlflow.__version__, "3", [], "Fork", ""),
            recorder,  # type: ignore[arg-type]  # a fake
            application.State(),
            settings.from_environment(environment),
        )

        async def post(body: Any, content_type: str = "application/json") -> Answered:
            content = body if isinstance(body, str) else json.dumps(body)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://pod:8080", timeout=60)
            async with client:
                headers = {"content-type": content_type}
                return Answered(await client.post("/invocations", content=content, headers=headers), recorder)

        return post

    return serve


@pytest.fixture(scope="module", autouse=True)
def _untraced() -> Iterator[None]:
    """MLflow records no traces of agents, which it would write into a database of the working directory."""
    mlflow.tracing.disable()
    yield
    mlflow.tracing.enable()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of saved models. Their requirements are given, because MLflow takes seconds to guess them."""
    folder = tmp_path_factory.mktemp("models")
    params = schema.ParamSchema([schema.ParamSpec("k", "long", 5)])
    signed = {"steady": TABLE, "misbehaving": signature.ModelSignature(inputs=TABLE.inputs, params=params)}
    python_models = {"misbehaving": Misbehaving(), "hinted": Hinted(), "dated": Dated(), "agent": Agent()}
    python_models |= {name: Constant(name) for name in NON_FINITE} | {"steady": Constant("array")}
    for name, model in python_models.items():
        pyfunc.save_model(folder / name, python_model=model, signature=signed.get(name), pip_requirements=["mlflow"])
    regression = linear_model.LinearRegression().fit([[1.0, 2.0], [2.0, 1.0]], [1.0, 2.0])
    for name, shape in (("signed", TABLE), ("unsigned", None)):
        mlflow.sklearn.save_model(
            regression,
            folder / name,
            signature=shape,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
    return folder


@pytest.fixture(scope="module")
def misbehaving(models: pathlib.Path) -> pathlib.Path:
    return models / "misbehaving"


def row(first: float) -> dict[str, Any]:
    return {"dataframe_split": {"columns": ["a", "b"], "data": [[first, 2.0]]}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(row(0), "the model's predict raised ZeroDivisionError: division by zero", id="an exception"),
        pytest.param(row(2), "what I looked for is gone", id="an MlflowException with a code of its own"),
        pytest.param(row(3), "the model's predict raised SystemExit: 1", id="an exit"),
        pytest.param(row(6), "the model's predict raised StopIteration", id="an exception that futures do not take"),
        pytest.param(row(4), "the model's prediction cannot be written as JSON: TypeError", id="no JSON"),
        pytest.param(
            row(0) | {"params": {"k": 7}}, "the model's predict raised ZeroDivisionError", id="with parameters"
        ),
    ],
)
async def test_an_error_of_the_model_is_500_and_counted_as_the_models(
    ask: Any, misbehaving: pathlib.Path, body: Any, message: str
) -> None:
    found = await ask(misbehaving)(body)
    assert (found.status, found.code, found.cause) == (500, 500, names.ErrorCause.MODEL)
    assert found.json["error_code"] == "INTERNAL_ERROR"
    assert message in found.json["message"]


async def test_a_setting_keeps_the_status_and_words_of_mlflow_and_the_error_is_counted(
    ask: Any, misbehaving: pathlib.Path
) -> None:
    found = await ask(misbehaving, PODIUM_MODEL_ERROR_STATUS="400")(row(0))
    assert (found.status, found.code, found.cause) == (400, 400, names.ErrorCause.MODEL)
    assert found.json["message"].startswith("Encountered an unexpected error while evaluating the model.")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param("{nonsense", "application/json", id="no JSON"),
        pytest.param({"rows": []}, "application/json", id="no format of MLflow's"),
        pytest.param({"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}, "application/json", id="no column b"),
        pytest.param(
            {"dataframe_split": {"columns": ["a", "b"], "data": [["x", 2.0]]}}, "application/json", id="a text"
        ),
        pytest.param(row(1) | {"params": {"k": "seven"}}, "application/json", id="a parameter of another type"),
        pytest.param("a\n1,2,3\n4,5", "text/csv", id="no table"),
        pytest.param("PAR1", "application/vnd.apache.parquet", id="no Parquet"),
    ],
)
async def test_input_that_mlflow_refuses_is_400_and_no_error(
    ask: Any, misbehaving: pathlib.Path, body: Any, content_type: str
) -> None:
    found = await ask(misbehaving)(body, content_type)
    assert (found.status, found.code, found.cause) == (400, 400, None)


async def test_parameters_reach_the_model(ask: Any, misbehaving: pathlib.Path) -> None:
    assert (await ask(misbehaving)(row(1) | {"params": {"k": 7}})).json == {"predictions": [1.0, 7]}


LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "x", "2026-01-01"])
KEYS = st.sampled_from(["a", "b", "columns", "data", "index", "role", "content"])
FORMATS = st.sampled_from(
    ["inputs", "instances", "dataframe_split", "dataframe_records", "input", "messages", "params"]
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8)
BODIES = st.dictionaries(FORMATS, VALUES, max_size=2).map(json.dumps) | st.text()


@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    st.sampled_from(["steady", "array", "dated"]),
    BODIES,
    st.sampled_from(["application/json", "application/json", "text/csv", "application/vnd.apache.parquet"]),
)
def test_no_body_of_a_client_counts_as_an_error(
    ask: Any, models: pathlib.Path, name: str, body: str, content_type: str
) -> None:
    found = asyncio.run(ask(models / name)(body, content_type))
    assert found.status in {200, 400}
    assert found.cause is None


async def test_a_timeout_is_json_and_counted(
    ask: Any, misbehaving: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "1")
    found = await ask(misbehaving)(row(5))
    assert (found.status, found.type, found.cause) == (504, "application/json", names.ErrorCause.TIMEOUT)
    assert "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT" in found.json["message"]


async def test_scikit_learn_with_a_signature_refuses_input_and_without_one_the_model_raises(
    ask: Any, models: pathlib.Path
) -> None:
    for name, status, cause in (("signed", 400, None), ("unsigned", 500, names.ErrorCause.MODEL)):
        asked = ask(models / name)
        assert (await asked(ROWS)).status == 200
        found = await asked({"inputs": [[1.0]]})
        assert (found.status, found.cause) == (status, cause)


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        pytest.param({"inputs": [{"a": 1}]}, 200, None, id="what the hints ask for"),
        pytest.param({"inputs": [{"a": 0}]}, 500, names.ErrorCause.MODEL, id="the model raises"),
        pytest.param({"inputs": [{"a": "x"}]}, 400, None, id="another type"),
        pytest.param({"inputs": "x"}, 400, None, id="no list"),
        pytest.param({"dataframe_records": [{"a": 1}]}, 400, None, id="another format"),
    ],
)
async def test_type_hints_refuse_input_from_inside_of_predict(
    ask: Any, models: pathlib.Path, body: Any, status: int, cause: names.ErrorCause | None
) -> None:
    found = await ask(models / "hinted")(body)
    assert (found.status, found.cause) == (status, cause)


async def test_input_that_a_type_hint_cannot_read_is_400_where_mlflow_says_500(ask: Any, models: pathlib.Path) -> None:
    asked = ask(models / "dated")
    assert (await asked({"inputs": ["2026-11-28"]})).json == {"predictions": [2026]}
    found = await asked({"inputs": ["yesterday"]})
    assert (found.status, found.cause, found.json["error_code"]) == (400, None, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        pytest.param({"input": [{"role": "user", "content": "Hello"}]}, 200, None, id="an answer"),
        pytest.param({"input": [{"role": "user", "content": "fail"}]}, 500, names.ErrorCause.MODEL, id="it fails"),
        pytest.param(
            {"input": [{"role": "user", "content": "nonsense"}]}, 500, names.ErrorCause.MODEL, id="no response"
        ),
        pytest.param({"input": [{"role": "nobody"}]}, 400, None, id="no message"),
        pytest.param({"input": 5}, 400, None, id="no messages"),
    ],
)
async def test_an_agent_is_judged_as_a_model_is(
    ask: Any, models: pathlib.Path, body: Any, status: int, cause: names.ErrorCause | None
) -> None:
    found = await ask(models / "agent")(body)
    assert (found.status, found.cause) == (status, cause)
    if status == 200:
        assert found.json["custom_outputs"] == {"score": None}


@pytest.mark.parametrize(
    ("name", "predicted"),
    [
        ("array", [None, None, None, 1.0]),
        ("tensor", [[[None], [1.0]]]),
        ("table", [{"x": None, "text": "NaN"}, {"x": 1.0, "text": 'a "NaN", \\'}]),
        ("nested", {"scores": [{"p": None}, None], "Infinity": "-Infinity"}),
    ],
)
async def test_numbers_that_json_lacks_leave_as_null_wherever_they_are(
    ask: Any, models: pathlib.Path, name: str, predicted: Any
) -> None:
    assert (await ask(models / name)({"inputs": [1]})).json == {"predictions": predicted}


async def test_a_setting_keeps_these_numbers_as_python_writes_them(ask: Any, models: pathlib.Path) -> None:
    found = await ask(models / "array", PODIUM_NON_FINITE_NUMBERS="literal")({"inputs": [1]})
    assert found.text == '{"predictions": [NaN, Infinity, -Infinity, 1.0]}'


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ('application/json; charset="utf-8"', row(1), 200),
        ("APPLICATION/JSON", row(1), 200),
        ("application/json; odata=verbose", row(1), 200),
        ("Text/CSV; header=present; charset=UTF-8", "a,b\n1,2\n", 200),
        ("text/csv; header=absent", "1,2\n", 415),
        ("application/json; charset=latin-1", row(1), 415),
        ("application/xml", "<a/>", 415),
    ],
)
async def test_media_types_are_taken_as_http_writes_them(
    ask: Any, misbehaving: pathlib.Path, content_type: str, body: Any, status: int
) -> None:
    assert (await ask(misbehaving)(body, content_type)).status == status
