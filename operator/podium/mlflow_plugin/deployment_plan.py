"""Deployment plan: what ``mlflow deployments … -t podium`` was told, as the custom resource that it asks for. Pure.

``models:/NAME@ALIAS`` is a ModelAlias, ``models:/NAME/VERSION`` a ModelVersion. The keys of ``-C KEY=VALUE`` are the
paths of the kinds' fields, the fields of a ModelAlias's template without the word ``template``.
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
from podium.api import model_alias, model_version
from podium.manifest import Manifest

Path = tuple[str, ...]

TARGET = "podium"
WAIT = "wait"
WAIT_SECONDS = 600.0
FLAVOR = "python_function"
"""What a model's pod serves: the flavour that every model can be loaded by."""
_TARGETS = f"{TARGET}, {TARGET}://NAMESPACE, with ?context=NAME and ingress=ADDRESS where needed"
_MODELS = "models:/NAME@ALIAS or models:/NAME/VERSION"
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IDENTITY = {"model", "alias", "version"}
"""Fields of a spec that come from the model's URI."""


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
        raise errors.InvalidInput(f"{uri!r} is no target: write {_TARGETS}")
    if parts.netloc and not _NAMESPACE.fullmatch(parts.netloc):
        raise errors.InvalidInput(f"{uri!r}: {parts.netloc!r} is no name of a Kubernetes namespace: write {_TARGETS}")
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
            f"{name!r} is no name of a deployment: write lower-case letters, digits and '-', a letter first"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The meaning of ``-C``: how long to wait (0: not at all), and values by path in a spec; None takes one away."""

    wait_seconds: float
    values: Mapping[Path, Any]


def parse_config(kind: str, config: Mapping[str, Any] | None) -> Settings:
    """What ``-C`` says of an object of this kind. Raises InvalidInput with the keys that are known."""
    given = dict(config or {})
    wait = _wait_seconds(given.pop(WAIT, "true"))
    return Settings(wait, dict(_setting(kind, key, value) for key, value in given.items()))


def _wait_seconds(given: Any) -> float:
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
    return [f"{key}.KEY" if field.is_map else key for key, field in _fields(kind).items() if not field.is_group]


@functools.cache
def _fields(kind: str) -> Mapping[str, _Field]:
    if kind == names.MODEL_VERSION_KIND:
        return dict(_walk(model_version.ModelVersionSpec, (), _IDENTITY))
    own = dict(_walk(model_alias.ModelAliasSpec, (), {*_IDENTITY, "template"}))
    shared = _walk(model_version.Template, ("template",), set())
    return own | {key.removeprefix("template."): field for key, field in shared}


def _walk(model: type[pydantic.BaseModel], above: Path, left_out: set[str]) -> Iterator[tuple[str, _Field]]:
    for name, info in model.model_fields.items():
        path = (*above, info.alias or name)
        if path[-1] in left_out:
            continue
        bare = _bare(info.annotation)
        if isinstance(bare, type) and issubclass(bare, pydantic.BaseModel):
            yield ".".join(path), _Field(path, "json", is_group=True)
            yield from _walk(bare, path, left_out)
        else:
            yield ".".join(path), _Field(path, _type_name(bare), is_map=_is_map(bare))


def _bare(annotation: Any) -> Any:
    """A type without Annotated and without None."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        others = [each for each in typing.get_args(annotation) if each is not types.NoneType]
        return _bare(others[0]) if len(others) == 1 else annotation
    return annotation


def _is_map(bare: Any) -> bool:
    return typing.get_origin(bare) is dict and typing.get_args(bare)[1] is not Any


def _type_name(bare: Any) -> str:
    return "json" if typing.get_origin(bare) in (dict, list) else getattr(bare, "__name__", "str")


def _setting(kind: str, key: str, given: Any) -> tuple[Path, Any]:
    """Path and value of one ``-C KEY=VALUE``."""
    fields = _fields(kind)
    field, rest = fields.get(key), ""
    if field is None:
        maps = (name for name, each in fields.items() if each.is_map and key.startswith(f"{name}."))
        name = next(maps, "")
        field, rest = fields.get(name), key.removeprefix(f"{name}.")
    if field is None:
        raise errors.InvalidInput(_unknown(kind, key))
    if given in ("", None):
        return field.path + ((rest,) if rest else ()), None
    if rest:
        return (*field.path, rest), str(given)
    return field.path, _value(key, field.type, given)


def _unknown(kind: str, key: str) -> str:
    keys = sorted([WAIT, *known_keys(kind)])
    close = difflib.get_close_matches(key, keys, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{key!r} is no key of -C for a {kind}{hint}; the keys are: {', '.join(keys)}"


def _value(key: str, kind: str, given: Any) -> Any:
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
        wanted = {"int": "a whole number", "bool": "true or false", "json": "JSON"}[kind]
        raise errors.InvalidInput(f"{key}={given}: write {wanted}") from error
    return given


def new_spec(model: Model, settings: Settings) -> Manifest:
    """The spec of a new deployment. Raises InvalidInput for a key without a value."""
    for path, value in settings.values.items():
        if value is None:
            raise errors.InvalidInput(f"{path[-1]}: write a value; an empty one takes away what a deployment has")
    return _merged(model.identity, settings.values)


def changed_spec(kind: str, live: Manifest, own: Manifest, model: Model | None, settings: Settings) -> Manifest:
    """The spec that is applied to change a deployment.

    `live` is its whole spec, `own` what was applied by ``mlflow deployments`` before. Raises InvalidInput where the
    change is none that the kind can take, or takes away what is not its own.
    """
    values = dict(settings.values)
    if model is not None:
        values |= _moved(kind, live, model)
    for path, value in values.items():
        if value is None and _at(live, path) is not None and _at(own, path) is None:
            raise errors.InvalidInput(
                f"{'.'.join(path)} was not set by mlflow deployments: take it away with the tool that set it"
            )
    return _merged(own, values)


def _moved(kind: str, live: Manifest, model: Model) -> dict[Path, Any]:
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
            f"(models:/{model.name}@ALIAS), which can be moved, or create another deployment"
        )
    return {}


def _at(spec: Manifest, path: Path) -> Any:
    found: Any = spec
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _merged(spec: Manifest, values: Mapping[Path, Any]) -> Manifest:
    merged: Manifest = json.loads(json.dumps(spec))
    for path, value in values.items():
        if value is None and _at(merged, path) is None:
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
