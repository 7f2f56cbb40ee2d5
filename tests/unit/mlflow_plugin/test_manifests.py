"""Deployments as custom resources: the spec that a command asks for, and what an object says of its deployment."""

import contextlib
import pathlib
import re
from typing import Any

import pytest

from podium import errors, names
from podium.api import model_alias, model_version
from podium.mlflow_plugin import manifests

ALIAS, VERSION = names.MODEL_ALIAS_KIND, names.MODEL_VERSION_KIND
IRIS = manifests.Model("iris", alias="champion")
DOCUMENT = pathlib.Path(__file__).parents[3] / "docs/mlflow.md"
KEYS = sorted({(kind, key) for kind in (ALIAS, VERSION) for key in manifests.known_keys(kind)})


def new(model: manifests.Model = IRIS, **config: Any) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in config.items()}
    return manifests.new_spec(model, manifests.parse_config(model.kind, named))


def changed(
    config: dict[str, Any],
    *,
    live: dict[str, Any],
    own: dict[str, Any] | None = None,
    model: manifests.Model | None = None,
) -> dict[str, Any]:
    kind = ALIAS if "alias" in live else VERSION
    return manifests.changed_spec(kind, live, live if own is None else own, model, manifests.parse_config(kind, config))


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        pytest.param("podium", manifests.Target(), id="nothing: what is in force"),
        pytest.param("podium://models", manifests.Target("models"), id="a namespace"),
        pytest.param("podium://models/", manifests.Target("models"), id="a slash behind it"),
        pytest.param("podium://?context=prod", manifests.Target(None, "prod"), id="a context alone"),
        pytest.param(
            "podium://models?context=a%2Fb&ingress=127.0.0.1:8088",
            manifests.Target("models", "a/b", "127.0.0.1:8088"),
            id="every option",
        ),
    ],
)
def test_a_target_names_a_namespace_a_context_and_an_ingress(uri: str, target: manifests.Target) -> None:
    assert manifests.parse_target(uri) == target


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("podium:/models", id="one slash"),
        pytest.param("podium://Models", id="a capital letter"),
        pytest.param("podium://models/iris", id="a path"),
        pytest.param("podium://models?contxt=a", id="an option that is not there"),
        pytest.param("podium://models?context=", id="an option without a value"),
        pytest.param("podium://" + "a" * 64, id="a name that is too long"),
    ],
)
def test_any_other_target_is_refused_with_what_to_write(uri: str) -> None:
    with pytest.raises(errors.InvalidInput, match="podium://NAMESPACE"):
        manifests.parse_target(uri)


@pytest.mark.parametrize(
    ("uri", "model", "kind"),
    [
        pytest.param("models:/iris@champion", IRIS, ALIAS, id="an alias"),
        pytest.param("models:/iris/3", manifests.Model("iris", version=3), VERSION, id="a version"),
        pytest.param(
            "models:/붓꽃 분류기@champion",
            manifests.Model("붓꽃 분류기", alias="champion"),
            ALIAS,
            id="any name",
        ),
    ],
)
def test_a_models_uri_chooses_the_kind(uri: str, model: manifests.Model, kind: str) -> None:
    assert manifests.parse_model(uri) == model
    assert model.kind == kind


@pytest.mark.parametrize(
    "uri",
    [
        "models:/iris",
        "models:/iris/latest",
        "models:/iris/Production",
        "models:/m-0123456789",
        "models:/iris/3/4",
        "models:/",
        "runs:/abc/model",
        "s3://bucket/model",
        "./model",
        "",
    ],
)
def test_what_is_no_alias_and_no_version_is_refused_with_what_to_write(uri: str) -> None:
    with pytest.raises(errors.InvalidInput, match=r"models:/NAME@ALIAS or models:/NAME/VERSION"):
        manifests.parse_model(uri)


@pytest.mark.parametrize("name", ["", "Iris", "iris_1", "1iris", "-iris", "iris-", "a/b", "a.b", "iris\n", "붓꽃"])
def test_a_name_that_no_deployment_can_have_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidInput, match="is not a valid name of a deployment"):
        manifests.check_name(name)


@pytest.mark.parametrize(
    ("given_", "seconds"), [("true", 600), (True, 600), ("False", 0), (False, 0), ("90", 90), (2.5, 2.5), ("0", 0)]
)
def test_waiting_is_switched_or_limited(given_: Any, seconds: float) -> None:
    assert manifests.parse_config(ALIAS, {"wait": given_}) == manifests.Settings(seconds, {})


@pytest.mark.parametrize("given_", ["yes", "-1", "nan", "86400", "", "1m"])
def test_another_way_to_wait_is_refused(given_: str) -> None:
    with pytest.raises(errors.InvalidInput, match=r"true, false, or a number of seconds"):
        manifests.parse_config(ALIAS, {"wait": given_})


def test_settings_become_the_fields_of_a_model_alias_and_of_its_template() -> None:
    spec = new(
        replicas="2",
        storage__pathStyle="TRUE",
        resources__limits__cpu="500m",
        ingress__host="iris.example.com",
        rollout__previous__delay="5s",
        runtime__env='[{"name": "A", "value": "b"}]',
        paused="false",
    )
    assert spec == {
        "model": "iris",
        "alias": "champion",
        "ingress": {"host": "iris.example.com"},
        "rollout": {"previous": {"delay": "5s"}},
        "paused": False,
        "template": {
            "replicas": 2,
            "storage": {"pathStyle": True},
            "resources": {"limits": {"cpu": "500m"}},
            "runtime": {"env": [{"name": "A", "value": "b"}]},
        },
    }
    model_alias.ModelAliasSpec.model_validate(spec)


def test_settings_become_the_fields_of_a_model_version() -> None:
    spec = new(
        manifests.Model("iris", version=3),
        replicas=2,
        storage__endpoint="http://s3:9000",
        source="s3://bucket/m",
    )
    expected = {"replicas": 2, "storage": {"endpoint": "http://s3:9000"}, "source": "s3://bucket/m"}
    assert spec == {"model": "iris", "version": 3, **expected}
    model_version.ModelVersionSpec.model_validate(spec)


def test_a_key_of_a_map_may_hold_dots() -> None:
    key = "nginx.ingress.kubernetes.io/proxy-body-size"
    spec = manifests.new_spec(IRIS, manifests.parse_config(ALIAS, {f"ingress.annotations.{key}": "8m"}))
    assert spec["ingress"] == {"annotations": {key: "8m"}}


def test_a_group_is_written_as_json_or_given_as_a_dictionary() -> None:
    text, value = '{"requests": {"cpu": "1"}}', {"requests": {"cpu": "1"}}
    assert new(resources=text)["template"] == new(resources=value)["template"] == {"resources": value}


@pytest.mark.parametrize(
    ("key", "hint"),
    [("replica", "did you mean 'replicas'"), ("template.replicas", "'replicas'"), ("x", "the keys are: ")],
)
def test_an_unknown_key_is_refused_with_the_keys_that_are(key: str, hint: str) -> None:
    with pytest.raises(errors.InvalidInput, match=hint) as caught:
        manifests.parse_config(ALIAS, {key: "1"})
    assert "ingress.host" in str(caught.value)
    assert "wait" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("replicas", "two", "a whole number"),
        ("storage.pathStyle", "yes", "true or false"),
        ("runtime.env", "A=b", "JSON"),
        ("resources", "{", "JSON"),
    ],
)
def test_a_value_of_another_type_is_refused(key: str, value: str, wanted: str) -> None:
    with pytest.raises(errors.InvalidInput, match=f"{key}=.*write {wanted}"):
        manifests.parse_config(ALIAS, {key: value})


@pytest.mark.parametrize(("kind", "key"), KEYS)
def test_every_key_that_is_listed_is_taken_and_lands_at_its_path(kind: str, key: str) -> None:
    taken = []
    for value in ("1", "true", "[]"):  # a number, a switch, JSON: each type takes one of them
        with contextlib.suppress(errors.InvalidInput):
            taken += manifests.parse_config(kind, {key: value}).values.items()
    assert {".".join(path).removeprefix("template.") for path, _ in taken} == {key}


def test_every_key_in_the_documentation_is_taken() -> None:
    named = re.findall(r"-C ([A-Za-z.]+)=([\w./:-]+)", DOCUMENT.read_text())
    assert len(named) > 5
    for key, value in named:
        manifests.parse_config(ALIAS, {key: "1" if value == "SECONDS" else value})


def test_an_empty_value_takes_away_what_was_set_and_is_refused_where_nothing_was() -> None:
    live = {"model": "iris", "alias": "champion", "ingress": {"host": "a.example.com"}, "template": {"replicas": 2}}
    assert changed({"ingress": "", "replicas": ""}, live=live) == {"model": "iris", "alias": "champion", "template": {}}
    assert changed({"paused": ""}, live=live) == live
    with pytest.raises(errors.InvalidInput, match="write a value"):
        new(replicas="")


def test_a_change_keeps_what_was_set_before_and_touches_nothing_of_others() -> None:
    live = {"model": "iris", "alias": "champion", "template": {"replicas": 2, "storage": {"endpoint": "http://s3"}}}
    own = {"model": "iris", "alias": "champion", "template": {"replicas": 2}}
    assert changed({"runtime.workers": "1"}, live=live, own=own) == {
        "model": "iris",
        "alias": "champion",
        "template": {"replicas": 2, "runtime": {"workers": 1}},
    }
    with pytest.raises(errors.InvalidInput, match="was not set by mlflow deployments"):
        changed({"storage.endpoint": ""}, live=live, own=own)


def test_an_alias_is_pinned_to_a_version_and_followed_again() -> None:
    live = {"model": "iris", "alias": "champion"}
    pinned = changed({}, live=live, model=manifests.Model("iris", version=4))
    assert pinned == {**live, "version": 4}
    assert changed({}, live=pinned, model=IRIS) == live
    with pytest.raises(errors.InvalidInput, match="version was not set by mlflow deployments"):
        changed({}, live=pinned, own=live, model=IRIS)


@pytest.mark.parametrize(
    ("live", "model", "sentence"),
    [
        (
            {"model": "iris", "alias": "champion"},
            manifests.Model("wine", version=1),
            "serves the model 'iris'",
        ),
        (
            {"model": "iris", "alias": "champion"},
            manifests.Model("iris", alias="next"),
            "serves the alias 'champion'",
        ),
        ({"model": "iris", "version": 1}, manifests.Model("iris", version=2), "is version 1 itself"),
        ({"model": "iris", "version": 1}, IRIS, "is version 1 itself"),
    ],
)
def test_what_cannot_change_is_refused_with_what_to_do_instead(
    live: dict[str, Any], model: manifests.Model, sentence: str
) -> None:
    with pytest.raises(errors.InvalidInput, match=sentence) as caught:
        changed({}, live=live, model=model)
    assert "create another deployment" in str(caught.value)


def test_a_version_that_is_served_already_is_no_change() -> None:
    live = {"model": "iris", "version": 2}
    assert changed({}, live=live, model=manifests.Model("iris", version=2)) == live


def obj(kind: str = "ModelAlias", *, generation: int = 2, owner: str = "", **fields: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "iris", "controller": True}] if owner else []
    identity = {"alias": "champion"} if kind == "ModelAlias" else {"version": 3}
    return {
        "kind": kind,
        "metadata": {"name": "iris", "namespace": "models", "generation": generation, "ownerReferences": owners},
        "spec": {"model": "iris", **identity, **fields.pop("spec", {})},
        "status": fields,
    }


def condition(kind: str, value: str = "True", *, generation: int = 2, reason: str = "Reason") -> dict[str, Any]:
    return {"type": kind, "status": value, "reason": reason, "message": "why", "observedGeneration": generation}


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        pytest.param([condition("Ready")], manifests.Verdict(True, False, "why"), id="ready"),
        pytest.param(
            [condition("Ready", "False"), condition("Stalled", reason="ModelNotFound")],
            manifests.Verdict(False, True, "ModelNotFound: why"),
            id="stalled",
        ),
        pytest.param(
            [condition("Ready", "False", reason="Preparing"), condition("Reconciling")],
            manifests.Verdict(False, False, "Preparing: why"),
            id="on its way",
        ),
        pytest.param(
            [condition("Ready", "False", reason="AwaitingApproval")],
            manifests.Verdict(False, True, "AwaitingApproval: why"),
            id="nothing goes on until somebody approves",
        ),
        pytest.param(
            [condition("Ready"), condition("Stalled")],
            manifests.Verdict(True, False, "why"),
            id="served all the same",
        ),
    ],
)
def test_a_verdict_is_what_the_conditions_say(conditions: list[dict[str, Any]], verdict: manifests.Verdict) -> None:
    assert manifests.judge(obj(conditions=conditions)) == verdict


@pytest.mark.parametrize("conditions", [[], [condition("Ready", generation=1)], [condition("Stalled", generation=1)]])
def test_what_was_said_of_an_earlier_generation_does_not_count(conditions: list[dict[str, Any]]) -> None:
    verdict = manifests.judge(obj(conditions=conditions))
    assert (verdict.is_ready, verdict.is_stuck) == (False, False)
    assert "that Podium's operator runs" in verdict.message


def test_a_deployment_is_described_by_what_it_follows_serves_and_answers_at() -> None:
    found = manifests.describe(
        obj(
            conditions=[condition("Ready")],
            served={"version": 4, "revision": "x", "name": "iris-v4-x"},
            spec={"ingress": {"host": "iris.example.com"}},
        )
    )
    assert found == {
        "name": "iris",
        "flavor": "python_function",
        "kind": "ModelAlias",
        "namespace": "models",
        "model_uri": "models:/iris@champion",
        "pinned_version": None,
        "served_version": 4,
        "ready": True,
        "message": "why",
        "url": "http://iris.example.com/invocations",
        "conditions": {"Ready": "True: Reason: why"},
    }


def test_a_version_is_served_when_pods_of_it_answer_and_has_an_address_in_the_cluster() -> None:
    assert manifests.describe(obj("ModelVersion"))["served_version"] is None
    found = manifests.describe(obj("ModelVersion", readyReplicas=1))
    assert (found["model_uri"], found["served_version"]) == ("models:/iris/3", 3)
    assert found["url"] == "http://iris.models.svc/invocations"


def test_a_pin_is_told_beside_the_alias() -> None:
    found = manifests.describe(obj(spec={"version": 7}))
    assert (found["model_uri"], found["pinned_version"]) == ("models:/iris@champion", 7)


def test_a_revision_of_an_alias_is_no_deployment() -> None:
    assert manifests.is_deployment(obj("ModelVersion"))
    assert manifests.is_deployment(obj("ModelVersion", owner="Application"))
    assert not manifests.is_deployment(obj("ModelVersion", owner="ModelAlias"))
