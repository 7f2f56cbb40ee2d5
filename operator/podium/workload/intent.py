"""Hashes of what a user asked for: they decide what restarts a pod and what is another revision.

Only what differs from the defaults enters a hash, so a field that Podium adds later leaves it alone. A changed
default or rule needs a new HASH_VERSION, and with it a note to users: it restarts models.
"""

import collections.abc
import json

import pydantic

from podium import names
from podium.api import model_alias, model_version
from podium.manifest import Manifest

HASH_VERSION = "1"
REVISION_LABELS = (names.TRAFFIC_LABEL, names.REGISTRY_UID_LABEL)
"""What the labels of a revision say of it and nothing else does, so that they are kept with its spec."""
_NOT_IN_THE_POD = {"replicas", "ingress", "registry"}


def _write_canonical(model: pydantic.BaseModel, exclude: set[str]) -> str:
    dumped = model.model_dump(by_alias=True, exclude_defaults=True, exclude=exclude)
    return json.dumps(dumped, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_intent(spec: model_version.ModelVersionSpec, source: str) -> str:
    """Hash of all that shapes the pods: the spec less replicas, ingress and registry, and the resolved source.

    Example: `1-k3v5q2xa`. Scaling leaves it as it is; another image, resource or source changes it.
    """
    return f"{HASH_VERSION}-{names.short_hash(_write_canonical(spec, _NOT_IN_THE_POD | {'source'}) + source)}"


def hash_revision(template: model_alias.Template, model_uid: str, source: str) -> str:
    """Hash of what makes a revision of a ModelAlias: template less replicas, the model's identity, the source."""
    return names.short_hash("\n".join((HASH_VERSION, _write_canonical(template, _NOT_IN_THE_POD), model_uid, source)))


def hash_made(spec: Manifest, borne: collections.abc.Mapping[str, str]) -> str:
    """Hash of a revision as it was made: its spec less replicas, and what its labels say of it.

    Defaults that the API server has filled in change nothing; whatever somebody else has changed or added does.
    """
    rest = {field: value for field, value in spec.items() if field != "replicas"}
    try:
        text = _write_canonical(model_version.ModelVersionSpec.model_validate(rest), set())
    except pydantic.ValidationError:  # of another release: only the same text is the same
        text = json.dumps(rest, sort_keys=True)
    known = {label: borne[label] for label in REVISION_LABELS if label in borne}
    return names.short_hash("\n".join((text, json.dumps(known, sort_keys=True))), 16)


def name_revision(alias_name: str, version: int, revision: str) -> str:
    """Name of a revision: `champion`, 12, `k3v5q2xa` give `champion-v12-k3v5q2xa`."""
    return f"{alias_name}-v{version}-{revision}"
