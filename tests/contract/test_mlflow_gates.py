"""Gates as users meet them: unmodified MLflow through a tracking server, whose registry is on the real API server."""

import collections.abc
import contextlib
import dataclasses
import importlib.util
import math
import pathlib
import time
import types
from typing import Any

import httpx
import mlflow
import pytest
from mlflow import exceptions

from localcluster import context
from podium import names
from podium.gates import wording
from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.model import entities
from tests.support import mlflowserver

AT_ONCE = 10.0
"""Seconds that a refusal may take; MLflow's clients repeat for minutes what they take for a passing fault."""
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
OWNER = entities.Pin("u1", "models", "iris")
GOOD = {"accuracy": 0.95, "f1_macro": 0.91}
POOR = {"accuracy": 0.95, "f1_macro": 0.80}
ANN = entities.Actor("ann", "kubernetes", True)


@dataclasses.dataclass(frozen=True)
class Tracking:
    """A running server, and its registry without it."""

    url: str
    registry: store.Registry


@pytest.fixture(scope="module")
def tracking(
    target: context.Target, api: session.Session, own_namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> collections.abc.Iterator[Tracking]:
    """`mlflow server` behind a proxy that it trusts, as far as it knows."""
    folder = tmp_path_factory.mktemp("tracking")
    options = [
        f"--registry-store-uri=configmap://{own_namespace}?context={target.context}",
        f"--backend-store-uri=sqlite:///{folder}/mlflow.db",
        f"--artifacts-destination={folder}/artifacts",
        "--workers=2",
    ]
    environment = {"KUBECONFIG": str(target.kubeconfig), names.ENV_TRUSTED_USER_HEADER: "X-Forwarded-User"}
    with mlflowserver.running(folder, options, environment) as server:
        registry = store.Registry(configmaps.ConfigMapBackend(api, own_namespace))
        yield Tracking(server.url, registry)


@pytest.fixture
def client(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[Any]:
    """MLflow in this process, told nothing but the server's address."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    with mlflowserver.used(tracking.url):
        yield mlflow.MlflowClient()


@pytest.fixture
def model(client: Any, request: pytest.FixtureRequest) -> str:
    """A registered model that no other test has."""
    name = request.node.name[:100].replace("/", " ").replace(":", " ")
    client.create_registered_model(name)
    return str(name)


@pytest.fixture
def promote() -> types.ModuleType:
    """The example, as it is."""
    spec = importlib.util.spec_from_file_location("promote", EXAMPLES / "promote.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def version(client: Any, model: str, metrics: dict[str, float]) -> str:
    """A version of a run with these metrics."""
    with mlflow.start_run() as run:
        mlflow.log_metrics(metrics)
    return str(client.create_model_version(model, f"{run.info.artifact_uri}/model", run.info.run_id).version)


def demand(tracking: Tracking, model: str, **gates: entities.Gates) -> None:
    """Gates by alias, as the operator projects them."""
    uid = tracking.registry.models.fresh(model).uid
    tracking.registry.serving.put_policy(entities.Policy(uid, {alias: (OWNER, each) for alias, each in gates.items()}))


def quality(*metrics: entities.MetricGate, **others: Any) -> entities.Gates:
    """The example's bounds, as gates."""
    bounds = (entities.MetricGate("accuracy", min=0.9), entities.MetricGate("f1_macro", min=0.85))
    return entities.Gates((*bounds, *metrics), **others)


@contextlib.contextmanager
def refused(tracking: Tracking, model: str) -> collections.abc.Iterator[list[str]]:
    """A call that PERMISSION_DENIED ends at once, with nothing moved; afterwards the list holds its message."""
    before, begun, told = tracking.registry.models.fresh(model), time.monotonic(), list[str]()
    with pytest.raises(exceptions.MlflowException) as caught:
        yield told
    told.append(str(caught.value))
    assert time.monotonic() - begun < AT_ONCE
    assert caught.value.error_code == "PERMISSION_DENIED"
    after = tracking.registry.models.fresh(model)
    assert (after.aliases, after.history) == (before.aliases, before.history)


@pytest.mark.parametrize("gated", [False, True], ids=["without gates", "with gates"])
def test_an_approval_workflow_runs_as_it_is(
    tracking: Tracking, client: Any, model: str, promote: types.ModuleType, gated: bool
) -> None:
    if gated:
        demand(tracking, model, staging=quality(tags={"approval_status": "approved"}))
    good, poor = version(client, model, GOOD), version(client, model, POOR)
    assert promote.judge(model, good)
    assert not promote.judge(model, poor)
    assert [client.get_model_version(model, each).tags["approval_status"] for each in (good, poor)] == [
        "approved",
        "rejected",
    ]
    assert client.get_model_version_by_alias(model, "staging").version == good
    [entry] = tracking.registry.aliases.history(model)
    assert entry.evidence.metrics == (GOOD if gated else {})
    assert [result.passed for result in entry.evidence.gates] == ([True, True, True] if gated else [])


@pytest.mark.parametrize("gated", [False, True], ids=["without gates", "with gates"])
def test_a_move_with_tries_and_pauses_runs_as_it_is(
    tracking: Tracking, client: Any, model: str, promote: types.ModuleType, gated: bool, capsys: Any
) -> None:
    if gated:
        demand(tracking, model, champion=quality())
    first, second = version(client, model, GOOD), version(client, model, GOOD)
    assert promote.move(model, "champion", first)
    assert promote.move(model, "champion", second)
    told = [f"champion: no version -> {first}", f"champion: {first} -> {second}"]
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("champion")] == told


def test_a_move_with_tries_and_pauses_gives_up_after_its_own_tries(
    tracking: Tracking, client: Any, model: str, promote: types.ModuleType, capsys: Any
) -> None:
    demand(tracking, model, champion=quality())
    begun = time.monotonic()
    assert not promote.move(model, "champion", version(client, model, POOR))
    assert time.monotonic() - begun < 3 + AT_ONCE  # its pauses take 1 + 2 seconds
    assert capsys.readouterr().out.count(f"{wording.title(quality().metrics[1])}: found 0.8") == 3


def test_a_judge_that_asks_less_than_the_gates_is_told_what_it_forgot(
    tracking: Tracking, client: Any, model: str, promote: types.ModuleType
) -> None:
    latency = entities.MetricGate("latency", max=20)
    demand(tracking, model, staging=quality(latency, approval="Manual"))
    good = version(client, model, {**GOOD, "latency": 30})
    with refused(tracking, model) as told:
        promote.judge(model, good)
    for part in (
        f"version {good} of '{model}' may not have alias 'staging': it fails 2 of 4 gates (ModelAlias models/iris",
        f"{wording.title(latency)}: found 30.",
        "client.log_metric(RUN_ID, 'latency', VALUE)",
        f"{wording.title(entities.ApprovalGate())}: found not approved yet. Ask an approver to run: podium approve",
    ):
        assert part in told[0]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, "found NaN, by run"),
        (math.inf, "found infinite, by run"),
        (None, "found missing: not logged"),
    ],
    ids=["NaN", "infinite", "missing"],
)
def test_a_metric_that_is_no_number_is_refused(
    tracking: Tracking, client: Any, model: str, value: float | None, told: str
) -> None:
    demand(tracking, model, champion=quality())
    number = version(client, model, {**GOOD, "accuracy": value} if value is not None else {"f1_macro": 0.9})
    with refused(tracking, model) as message:
        client.set_registered_model_alias(model, "champion", number)
    assert told in message[0]


def test_a_run_and_its_logged_model_that_contradict_are_refused_until_they_agree(
    tracking: Tracking, client: Any, model: str
) -> None:
    demand(tracking, model, champion=quality())
    with mlflow.start_run() as run:
        logged = mlflow.initialize_logged_model(name="model")
        mlflow.finalize_logged_model(logged.model_id, "READY")
        mlflow.log_metrics(GOOD, model_id=logged.model_id)
    number = mlflow.register_model(f"models:/{logged.model_id}", model).version
    client.log_metric(run.info.run_id, "accuracy", 0.99, step=1)
    with refused(tracking, model) as told:
        client.set_registered_model_alias(model, "champion", number)
    assert f"run {run.info.run_id} says 0.99, logged model {logged.model_id} says 0.95" in told[0]
    client.log_metric(run.info.run_id, "accuracy", 0.99, step=2, model_id=logged.model_id)
    client.set_registered_model_alias(model, "champion", number)
    assert tracking.registry.aliases.history(model)[-1].evidence.metrics == {**GOOD, "accuracy": 0.99}


def test_metrics_logged_after_the_registration_count_and_those_logged_after_the_move_do_not(
    tracking: Tracking, client: Any, model: str
) -> None:
    demand(tracking, model, champion=quality())
    number = version(client, model, {})
    run = client.get_model_version(model, number).run_id
    with refused(tracking, model):
        client.set_registered_model_alias(model, "champion", number)
    for name, value in GOOD.items():
        client.log_metric(run, name, value)
    client.set_registered_model_alias(model, "champion", number)
    client.log_metric(run, "accuracy", 0.1, step=1)
    met = entities.Outcome.MET
    recorded = [
        entities.GateRecord(wording.title(rule), True, found, rule, met)
        for rule, found in zip(quality().metrics, ("0.95", "0.91"), strict=True)
    ]
    artifact = tracking.registry.versions.fresh(model, int(number)).artifact_uri
    assert tracking.registry.aliases.history(model)[-1].evidence == entities.Evidence(tuple(recorded), GOOD, artifact)


def test_a_version_is_held_against_the_one_that_it_is_to_replace(tracking: Tracking, client: Any, model: str) -> None:
    gate = entities.MetricGate("accuracy", not_worse_than="champion", tolerance=0.01)
    demand(tracking, model, champion=entities.Gates((gate,)))
    first, worse, close = (version(client, model, {"accuracy": value}) for value in (0.95, 0.93, 0.94))
    client.set_registered_model_alias(model, "champion", first)
    with refused(tracking, model) as told:
        client.set_registered_model_alias(model, "champion", worse)
    assert f"{wording.title(gate)}: found 0.93; champion has 0.95" in told[0]
    client.set_registered_model_alias(model, "champion", close)
    assert tracking.registry.aliases.history(model)[-1].evidence.metrics == {
        "accuracy": 0.94,
        "accuracy@champion": 0.95,
    }


def test_a_person_approves_and_another_rejects(tracking: Tracking, client: Any, model: str) -> None:
    demand(tracking, model, champion=entities.Gates(approval="Manual"))
    number = version(client, model, GOOD)
    with refused(tracking, model):
        client.set_registered_model_alias(model, "champion", number)
    tracking.registry.versions.decide(model, int(number), entities.Approval("approved", 1, ANN, "checked by hand"))
    client.set_registered_model_alias(model, "champion", number)
    [result] = tracking.registry.aliases.history(model)[-1].evidence.gates
    assert result.value == "approved by ann: checked by hand"
    other = version(client, model, GOOD)
    tracking.registry.versions.decide(model, int(other), entities.Approval("rejected", 1, ANN, "too slow"))
    with refused(tracking, model) as told:
        client.set_registered_model_alias(model, "champion", other)
    assert f"{wording.title(entities.ApprovalGate())}: found rejected by ann: too slow" in told[0]


def test_an_alias_with_gates_is_not_dropped(tracking: Tracking, client: Any, model: str) -> None:
    demand(tracking, model, champion=quality())
    number = version(client, model, GOOD)
    client.set_registered_model_alias(model, "champion", number)
    begun = time.monotonic()
    for drop in (
        lambda: client.delete_registered_model_alias(model, "champion"),
        lambda: client.delete_model_version(model, number),
    ):
        with pytest.raises(exceptions.MlflowException, match="has gates, from ModelAlias models/iris") as caught:
            drop()
        assert caught.value.error_code == "RESOURCE_CONFLICT"
    assert time.monotonic() - begun < AT_ONCE
    assert client.get_model_version_by_alias(model, "champion").version == number


def test_a_prompts_alias_is_gated_too(tracking: Tracking, client: Any) -> None:
    mlflow.genai.register_prompt("gated-greeting", "Hello {{name}}")
    demand(tracking, "gated-greeting", production=entities.Gates(approval="Manual"))
    with refused(tracking, "gated-greeting") as told:
        mlflow.genai.set_prompt_alias("gated-greeting", "production", 1)
    assert "podium approve gated-greeting 1 --why TEXT" in told[0]


def test_a_client_that_writes_the_registry_itself_is_refused_the_same_way(
    tracking: Tracking, client: Any, model: str, target: context.Target, own_namespace: str, monkeypatch: Any
) -> None:
    demand(tracking, model, champion=quality())
    good, poor = version(client, model, GOOD), version(client, model, POOR)
    monkeypatch.setenv("KUBECONFIG", str(target.kubeconfig))
    mlflow.set_registry_uri(f"configmap://{own_namespace}?context={target.context}")
    direct = mlflow.MlflowClient()
    with refused(tracking, model) as told:
        direct.set_registered_model_alias(model, "champion", poor)
    assert f"{wording.title(quality().metrics[1])}: found 0.8" in told[0]
    direct.set_registered_model_alias(model, "champion", good)
    assert tracking.registry.aliases.history(model)[-1].evidence.metrics == GOOD


def test_the_user_whom_the_trusted_proxy_names_is_recorded_as_verified(
    tracking: Tracking, client: Any, model: str
) -> None:
    number = version(client, model, GOOD)
    for alias, headers in (
        ("champion", {"X-Forwarded-User": "ann"}),
        ("other", {}),
        ("third", {"X-Forwarded-User": "ann", "X_Forwarded_User": "mallory"}),  # as a client may write beside a proxy
    ):
        body = {"name": model, "alias": alias, "version": number}
        url = f"{tracking.url}/api/2.0/mlflow/registered-models/alias"
        httpx.post(url, json=body, headers=headers, timeout=30).raise_for_status()
    assert [entry.actor for entry in tracking.registry.aliases.history(model)] == [
        entities.Actor("ann", "trusted-proxy", verified=True),
        entities.Actor("", "mlflow-server"),
        entities.Actor("ann,mallory", "trusted-proxy"),
    ]
