"""Manifests: ``mlflow deployments … -t podium`` in terms of custom resources, both ways. Pure.

The way in: what a command says becomes the spec of a ModelAlias (``models:/NAME@ALIAS``) or of a ModelVersion
(``models:/NAME/VERSION``). The keys of ``-C KEY=VALUE`` are the paths of the kind's fields; those of a ModelAlias's
template leave out the word ``template``.

The way out: what such an object says of its deployment, for people and for a command that waits.
"""

import dataclasses
import difflib
import functools
import json
import re
import types
import typing
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
from mlflow import exceptions as mlflow_exceptions
from mlflow.store.artifact.utils import models

from podium import errors, names
from podium.api import common, model_alias, model_version
from podium.manifest import Manifest
from podium.workload import children

Path = tuple[str, ...]

TARGET = "podium"
WAIT = "wait"
WAIT_SECONDS = 600.0
FLAVOR = "python_function"
"""What a model's pod serves: the flavor that every model can be loaded by."""
_TARGETS = f"{TARGET}, {TARGET}://NAMESPACE, with ?context=NAME and ingress=ADDRESS where needed"
_MODELS = "models:/NAME@ALIAS or models:/NAME/VERSION"
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IDENTITY = {"model", "alias", "version"}
"""Fields of a spec that come from the model's URI."""
_NOT_REPORTED = (
    "the operator has written nothing about it yet: check that Podium's operator runs and watches this namespace "
    "(kubectl get pods --all-namespaces --selector app.kubernetes.io/name=podium)"
)


# What a command says


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where deployments are: None means the namespace or the context in force."""

    namespace: str | None = None
    context: str | None = None
    ingress: str | None = None
    """Address of the ingress controller, such as 127.0.0.1:8088; None: the host's own address by DNS."""


def parse_target(uri: str) -> Target:
    """The parts of a target's URI. Raises InvalidInput with what to write instead."""
    parts = urllib.parse.urlsplit(uri)
    if uri == TARGET:
        return Target()
    if parts.scheme != TARGET or parts.path not in ("", "/") or parts.fragment:
        raise errors.InvalidInput(f"{uri!r} is not a target: write {_TARGETS}")
    if parts.netloc and not _NAMESPACE.fullmatch(parts.netloc):
        raise errors.InvalidInput(
            f"{uri!r}: {parts.netloc!r} is not a valid name of a Kubernetes namespace: write {_TARGETS}"
        )
    options = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    chosen = {key: options.pop(key)[-1] for key in ("context", "ingress") if key in options}
    if options or not all(chosen.values()):
        raise errors.InvalidInput(f"{uri!r}: the options are context and ingress, each with a value: write {_TARGETS}")
    return Target(parts.netloc or None, **chosen)


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """A registered model with an alias or a version."""

    name: str
    alias: str | None = None
    version: int | None = None

    @property
    def kind(self) -> str:
        """The kind that serves it."""
        return names.MODEL_ALIAS_KIND if self.alias else names.MODEL_VERSION_KIND

    @property
    def identity(self) -> Manifest:
        """Its fields in a spec."""
        return {"model": self.name} | ({"alias": self.alias} if self.alias else {"version": self.version})


def parse_model(uri: str) -> Model:
    """The model that a URI names, read by MLflow's own rules. Raises InvalidInput with what to write instead."""
    try:
        parsed = models._parse_model_uri(uri)
    except mlflow_exceptions.MlflowException as error:
        raise errors.InvalidInput(
            f"{uri!r} cannot be deployed: register the model, and write {_MODELS} ({error})"
        ) from error
    if parsed.name and parsed.alias:
        return Model(parsed.name, alias=parsed.alias)
    if parsed.name and parsed.version:
        return Model(parsed.name, version=int(parsed.version))
    raise errors.InvalidInput(f"{uri!r} names neither an alias nor a version's number: write {_MODELS}")


def check_name(name: str) -> None:
    """Raise InvalidInput for a name that no deployment can have; the API server knows the rest of the rules."""
    if not _NAME.fullmatch(name):
        raise errors.InvalidInput(
            f"{name!r} is not a valid name of a deployment: write lower-case letters, digits and '-', a letter first"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The meaning of ``-C``: how long to wait (0: not at all), and values by path in a spec; None removes one."""

    wait_seconds: float
    values: Mapping[Path, Any]


def parse_config(kind: str, config: Mapping[str, Any] | None) -> Settings:
    """What ``-C`` says about an object of this kind. Raises InvalidInput with the known keys."""
    given = dict(config or {})
    wait = _parse_wait(given.pop(WAIT, "true"))
    return Settings(wait, dict(_parse_setting(kind, key, value) for key, value in given.items()))


def _parse_wait(given: Any) -> float:
    text = str(given).lower()
    if text in ("true", "false"):
        return WAIT_SECONDS if text == "true" else 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 86_400:
        raise errors.InvalidInput(f"{WAIT}={given}: write true, false, or a number of seconds up to a day")
    return seconds


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """A field of a spec: its path, its type (`json` for what is no scalar), and whether a map's key follows."""

    path: Path
    type: str
    is_map: bool = False
    is_group: bool = False


def known_keys(kind: str) -> list[str]:
    """The keys of ``-C`` for this kind, as help shows them."""
    return [f"{key}.KEY" if field.is_map else key for key, field in _collect_fields(kind).items() if not field.is_group]


@functools.cache
def _collect_fields(kind: str) -> Mapping[str, _Field]:
    if kind == names.MODEL_VERSION_KIND:
        return dict(_walk_fields(model_version.ModelVersionSpec, (), _IDENTITY))
    own = dict(_walk_fields(model_alias.ModelAliasSpec, (), {*_IDENTITY, "template"}))
    shared = _walk_fields(model_version.Template, ("template",), set())
    return own | {key.removeprefix("template."): field for key, field in shared}


def _walk_fields(model: type[pydantic.BaseModel], above: Path, left_out: set[str]) -> Iterator[tuple[str, _Field]]:
    for name, info in model.model_fields.items():
        path = (*above, info.alias or name)
        if path[-1] in left_out:
            continue
        kind = _strip_annotation(info.annotation)
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            yield ".".join(path), _Field(path, "json", is_group=True)
            yield from _walk_fields(kind, path, left_out)
        else:
            yield ".".join(path), _Field(path, _name_type(kind), is_map=_is_map(kind))


def _strip_annotation(annotation: Any) -> Any:
    """A type without Annotated and without None."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _strip_annotation(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        others = [each for each in typing.get_args(annotation) if each is not types.NoneType]
        return _strip_annotation(others[0]) if len(others) == 1 else annotation
    return annotation


def _is_map(kind: Any) -> bool:
    return typing.get_origin(kind) is dict and typing.get_args(kind)[1] is not Any


def _name_type(kind: Any) -> str:
    return "json" if typing.get_origin(kind) in (dict, list) else getattr(kind, "__name__", "str")


def _parse_setting(kind: str, key: str, given: Any) -> tuple[Path, Any]:
    """Path and value of one ``-C KEY=VALUE``."""
    fields = _collect_fields(kind)
    field, rest = fields.get(key), ""
    if field is None:
        maps = (name for name, each in fields.items() if each.is_map and key.startswith(f"{name}."))
        name = next(maps, "")
        field, rest = fields.get(name), key.removeprefix(f"{name}.")
    if field is None:
        raise errors.InvalidInput(_describe_unknown_key(kind, key))
    if given in ("", None):
        return field.path + ((rest,) if rest else ()), None
    if rest:
        return (*field.path, rest), str(given)
    return field.path, _parse_value(key, field.type, given)


def _describe_unknown_key(kind: str, key: str) -> str:
    keys = sorted([WAIT, *known_keys(kind)])
    close = difflib.get_close_matches(key, keys, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{key!r} is not a key of -C for a {kind}{hint}; the keys are: {', '.join(keys)}"


def _parse_value(key: str, kind: str, given: Any) -> Any:
    """A value of a field's type; the API server judges the rest."""
    if not isinstance(given, str):
        return given
    try:
        match kind:
            case "int":
                return int(given)
            case "bool":
                return {"true": True, "false": False}[given.lower()]
            case "json":
                return json.loads(given)
    except (ValueError, KeyError) as error:
        expected = {"int": "a whole number", "bool": "true or false", "json": "JSON"}[kind]
        raise errors.InvalidInput(f"{key}={given}: write {expected}") from error
    return given


def new_spec(model: Model, settings: Settings) -> Manifest:
    """The spec of a new deployment. Raises InvalidInput for a key without a value."""
    for path, value in settings.values.items():
        if value is None:
            raise errors.InvalidInput(
                f"{path[-1]}: write a value; an empty value only removes a field from a deployment that exists"
            )
    return _merge_values(model.identity, settings.values)


def changed_spec(kind: str, live: Manifest, own: Manifest, model: Model | None, settings: Settings) -> Manifest:
    """The spec that is applied to change a deployment.

    `live` is its whole spec, `own` what was applied by ``mlflow deployments`` before. Raises InvalidInput where the
    change is impossible for the kind, or removes what ``mlflow deployments`` did not set.
    """
    values = dict(settings.values)
    if model is not None:
        values |= _plan_move(kind, live, model)
    for path, value in values.items():
        if value is None and _find_value(live, path) is not None and _find_value(own, path) is None:
            raise errors.InvalidInput(
                f"{'.'.join(path)} was not set by mlflow deployments: remove it with the tool that set it"
            )
    return _merge_values(own, values)


def _plan_move(kind: str, live: Manifest, model: Model) -> dict[Path, Any]:
    """The fields that change when a deployment is to serve another alias or version."""
    if model.name != live.get("model"):
        raise errors.InvalidInput(
            f"the deployment serves the model {live.get('model')!r}, which cannot be changed: create another deployment"
        )
    if kind == names.MODEL_ALIAS_KIND:
        if model.alias and model.alias != live.get("alias"):
            raise errors.InvalidInput(
                f"the deployment serves the alias {live.get('alias')!r}, which cannot be changed: move that alias, "
                "or create another deployment"
            )
        return {("version",): model.version}
    if model.version != live.get("version"):
        raise errors.InvalidInput(
            f"the deployment is version {live.get('version')} itself, which cannot be changed: deploy an alias "
            f"(models:/{model.name}@ALIAS), which you can move, or create another deployment"
        )
    return {}


def _find_value(spec: Manifest, path: Path) -> Any:
    found: Any = spec
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _merge_values(spec: Manifest, values: Mapping[Path, Any]) -> Manifest:
    merged: Manifest = json.loads(json.dumps(spec))
    for path, value in values.items():
        if value is None and _find_value(merged, path) is None:
            continue
        above = merged
        for step in path[:-1]:
            if not isinstance(above.get(step), dict):
                above[step] = {}
            above = above[step]
        if value is None:
            del above[path[-1]]
        else:
            above[path[-1]] = value
    return merged


# What an object says


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of the deployment as it is written now."""

    is_ready: bool
    is_stuck: bool
    """Nothing goes on until a person acts: it is Stalled, paused, or awaits an approval."""
    message: str
    """What a person should know: the cause if it is stuck, else what it waits for."""


Conditions: typing.TypeAlias = Mapping[str, Manifest]
"""Conditions by type, those that the operator wrote about the object's present generation."""


def judge(obj: Manifest) -> Verdict:
    """Whether a deployment serves what it was told. What the operator said of an earlier generation does not count."""
    generation = obj["metadata"].get("generation")
    conditions = {
        condition["type"]: condition
        for condition in obj.get("status", {}).get("conditions", [])
        if condition.get("observedGeneration", generation) == generation
    }
    return next(verdict for rule in _RULES if (verdict := rule(conditions)))


def _is_served(conditions: Conditions) -> Verdict | None:
    ready = conditions.get(names.READY)
    return Verdict(True, False, ready["message"]) if ready and ready["status"] == "True" else None


def _is_unreported(conditions: Conditions) -> Verdict | None:
    if names.READY in conditions or names.STALLED in conditions:
        return None
    return Verdict(False, False, _NOT_REPORTED)


def _is_stalled(conditions: Conditions) -> Verdict | None:
    stalled = conditions.get(names.STALLED)
    return Verdict(False, True, _describe_condition(stalled)) if stalled else None


def _is_waiting_for_a_person(conditions: Conditions) -> Verdict | None:
    """Not Ready, and nothing is done about it: paused, or an approval is missing."""
    if names.RECONCILING in conditions:
        return None
    return Verdict(False, True, _describe_condition(conditions[names.READY]))


def _is_under_way(conditions: Conditions) -> Verdict | None:
    return Verdict(False, False, _describe_condition(conditions[names.READY]))


_RULES = (_is_served, _is_unreported, _is_stalled, _is_waiting_for_a_person, _is_under_way)
"""The first that gives a verdict decides; each relies on those before it."""


def _describe_condition(condition: Manifest) -> str:
    return f"{condition['reason']}: {condition['message']}"


def is_deployment(obj: Manifest) -> bool:
    """Whether an object is a deployment of its own: a ModelVersion that a ModelAlias owns is part of the ModelAlias."""
    owners = obj["metadata"].get("ownerReferences") or []
    return not any(owner.get("kind") == names.MODEL_ALIAS_KIND and owner.get("controller") for owner in owners)


def describe(obj: Manifest) -> dict[str, Any]:
    """A deployment as MLflow shows it."""
    spec, status, verdict = obj["spec"], obj.get("status", {}), judge(obj)
    alias, version = spec.get("alias"), spec.get("version")
    return {
        "name": obj["metadata"]["name"],
        "flavor": FLAVOR,
        "kind": obj["kind"],
        "namespace": obj["metadata"]["namespace"],
        "model_uri": f"models:/{spec.get('model')}@{alias}" if alias else f"models:/{spec.get('model')}/{version}",
        "pinned_version": version if alias else None,
        "served_version": _find_served_version(obj),
        "ready": verdict.is_ready,
        "message": verdict.message,
        "url": find_url(obj),
        "conditions": {
            each["type"]: f"{each['status']}: {each['reason']}: {each['message']}"
            for each in status.get("conditions", [])
        },
    }


def _find_served_version(obj: Manifest) -> int | None:
    status = obj.get("status", {})
    if obj["kind"] == names.MODEL_ALIAS_KIND:
        version: int | None = status.get("served", {}).get("version")
        return version
    return obj["spec"].get("version") if status.get("readyReplicas") else None


def find_url(obj: Manifest) -> str:
    """Where a deployment answers: at its ingress's host, else inside the cluster."""
    ingress = obj["spec"].get("ingress")
    parsed = common.Ingress.model_validate(ingress) if ingress else None
    return children.build_url(obj["metadata"], parsed, names.INVOCATIONS_PATH)


def has_ingress(obj: Manifest) -> bool:
    """Whether a deployment is reached from outside of the cluster."""
    return bool(obj["spec"].get("ingress"))
