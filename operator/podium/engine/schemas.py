"""Whether the cluster's CRDs have the fields that this operator works with.

Helm leaves CRDs alone where `crds.install=false`, and people forget them. A new setting that a CRD does not have is
dropped by the API server without a word. A status that is applied with a new field is refused as a whole, so that it is
written without.
"""

import collections.abc
import logging
import re
from typing import Any

from podium import errors, names
from podium.api import common, model_alias, model_version
from podium.crdgen import schema
from podium.kube import client
from podium.manifest import Manifest

_Models = dict[str, type[common.Model]]
_OWN: dict[str, _Models] = {
    names.MODEL_VERSION_KIND: {"spec": model_version.ModelVersionSpec, "status": model_version.ModelVersionStatus},
    names.MODEL_ALIAS_KIND: {"spec": model_alias.ModelAliasSpec, "status": model_alias.ModelAliasStatus},
}
_SHOWN = 5
_UNDECLARED = re.compile(r"(?<=\s)\.((?:\[[^]]*\]|[^\s\[])+): field not declared in schema")
_INDEX = re.compile(r"\[[^]]*\]")
_log = logging.getLogger("podium.schemas")


class SchemaCheck:
    """Compares once, at the start: what is found stays until the process is started anew, as after an upgrade."""

    def __init__(self, api: client.Client) -> None:
        self._api = api
        self._failures: list[str] = []

    async def run(self) -> None:
        """Ask the API server for its schemas. One that cannot be asked leaves it at that: everything else goes on."""
        try:
            served = await self._api.get_schemas(names.GROUP, names.API_VERSION)
        except errors.KubeError as error:
            _log.info("cannot compare the CRDs with this operator: %s", error)
            return
        self._failures = describe_missing(served)
        for failure in self._failures:
            _log.warning("%s", failure)

    def failures(self) -> list[str]:
        """What an administrator has to mend."""
        return self._failures


def drop_undeclared(manifest: Manifest, refusal: str) -> Manifest:
    """The manifest without the fields that the refusal of a server-side apply names, of which the CRD knows nothing.

    Example: `.status.operator: field not declared in schema`; in a list, `.status.history[0].outcome`.
    """
    for path in _UNDECLARED.findall(refusal):
        manifest = _drop_field(manifest, _INDEX.sub("", path).split("."))
    return manifest


def _drop_field(value: Any, path: collections.abc.Sequence[str]) -> Any:
    """Without the field at this path; of a list, in each of its items."""
    if isinstance(value, list):
        return [_drop_field(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) > 1:
        return value | {path[0]: _drop_field(value[path[0]], path[1:])}
    return {name: each for name, each in value.items() if name != path[0]}


def describe_missing(served: collections.abc.Mapping[str, Any]) -> list[str]:
    """A sentence for each kind whose CRD lacks fields; `served` are OpenAPI schemas by the API server's names."""
    out = []
    for kind, models in _OWN.items():
        found = next((each for name, each in served.items() if name.endswith(f".{kind}")), None)
        missing = _find_missing(models, found["properties"]) if found else []
        if missing:
            out.append(
                f"the CRD of {kind} is older than this operator and drops {_shorten_list(missing)}. What is served "
                "stays. Upgrade the CRDs: kubectl apply --server-side -f crds/, or the chart with crds.install=true"
            )
    return out


def _find_missing(models: _Models, properties: collections.abc.Mapping[str, Any]) -> list[str]:
    own = {part: schema.structural(model) for part, model in models.items()}
    return sorted(_list_fields(own) - _list_fields(properties))


def _list_fields(properties: collections.abc.Mapping[str, Any], path: str = "") -> set[str]:
    """The paths of all fields, such as spec.rollout.overlap."""
    out = set()
    for name, node in properties.items():
        out.add(f"{path}{name}")
        below = node.get("items", node)
        out |= _list_fields(below.get("properties", {}), f"{path}{name}.")
    return out


def _shorten_list(fields: list[str]) -> str:
    more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
    return ", ".join(fields[:_SHOWN]) + more
