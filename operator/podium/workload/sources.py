"""Where the artifact of a version is: as the spec or the registry says it, or the problem in words.

A problem's sentence says what to do, and has the nearest names where a name was not found.
"""

import contextlib
import dataclasses

from podium import errors, names
from podium.api import common, model_version
from podium.registry import catalog as catalogs
from podium.registry.model import entities
from podium.workload.storage import delivery, schemes

_REASONS = {"model": names.MODEL_NOT_FOUND, "version": names.VERSION_NOT_FOUND, "alias": names.ALIAS_NOT_FOUND}
_ADVICE = {
    "model": "Register it in the registry of namespace {registry!r}, or create this object again with another model",
    "version": "Register it, or ask for another version",
    "alias": "Set it in MLflow (set_registered_model_alias), or pin a version by spec.version",
}


@dataclasses.dataclass(frozen=True)
class Registered:
    """A version of a registry whose artifact is at the Source: one version is one artifact, whoever serves it."""

    registry: str
    """Namespace of the registry."""
    model_uid: str
    version: int
    digest: str | None = None
    """What the registry records of the artifact; None while nobody has pulled it."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the artifact is, as the registry (or the spec) says; `model_uid` is "" where the registry is not asked."""

    uri: str
    delivery: delivery.Delivery
    """How it gets into the pod."""
    model_uid: str = ""
    run_id: str = ""
    registered: Registered | None = None
    """None where the registry has no such version, or has its artifact elsewhere."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """What somebody must act on: a documented reason, and a sentence that says what to do."""

    reason: str
    message: str


def read_error(error: common.LastError | None, *, stalled: bool) -> Problem | None:
    """What the status records of passes that failed, if it is of this kind: somebody must act, or it is tried again."""
    return Problem(error.reason, error.message) if error and error.stalled == stalled else None


def describe_problem(error: errors.RegistryError, registry: str) -> Problem:
    """The problem that an answer of the registry in this namespace is."""
    if isinstance(error, errors.NotFound):
        return Problem(_REASONS[error.what], f"{error}. {_ADVICE[error.what].format(registry=registry)}")
    return Problem(
        names.REGISTRY_CORRUPT,
        f"{error}. Correct it (kubectl edit configmap --field-manager={names.REPAIR_MANAGER} --namespace {registry}); "
        "until then this model stays as it is",
    )


def describe_unserved(namespace: str) -> Problem:
    """The problem that the operator does not serve the registry of this namespace."""
    return Problem(
        names.REGISTRY_NOT_SERVED,
        f"this operator does not serve the registry of namespace {namespace!r}: add it to the chart's value "
        "registry.namespaces, or name another in spec.registry.namespace",
    )


def locate(version: entities.Version) -> str:
    """The URI of the artifact. Raises ValueError with what to do where nothing brings it from there."""
    uri = version.artifact_uri
    if schemes.find_delivery(uri) is None:
        raise ValueError(
            f"version {version.number} has its artifact at {uri!r}, which is not on S3: register a version from a "
            "tracking server whose artifacts are on S3"
        )
    return uri


def find_source(
    catalog: catalogs.Catalog | None, registry: str, spec: model_version.ModelVersionSpec, model_uid: str | None = None
) -> Source | Problem:
    """The Source of a ModelVersion: as its spec says, else as its registry does.

    `model_uid`: the model that it was made for, if it names one: its name may belong to another one by now.
    """
    if spec.source:
        return _build_source(spec.source, registered=_find_registered(catalog, registry, spec, model_uid))
    if catalog is None:
        return describe_unserved(registry)
    try:
        head = catalog.get_model(spec.model)
        version = catalog.version(head, spec.version)
        registered = Registered(registry, head.uid, version.number, version.digest)
        return _build_source(locate(version), head.uid, version.run_id or "", registered)
    except errors.RegistryError as error:
        return describe_problem(error, registry)
    except ValueError as error:
        return Problem(names.SOURCE_UNSUPPORTED, f"{error}, or write its location on S3 as spec.source")


def _find_registered(
    catalog: catalogs.Catalog | None, registry: str, spec: model_version.ModelVersionSpec, model_uid: str | None
) -> Registered | None:
    """The version that this spec names, if the registry has it and its artifact is where the spec says."""
    with contextlib.suppress(errors.RegistryError):
        if catalog and (head := catalog.find_model_of_uid(model_uid) if model_uid else catalog.find_model(spec.model)):
            version = catalog.version(head, spec.version)
            if version.artifact_uri == spec.source:
                return Registered(registry, head.uid, version.number, version.digest)
    return None


def _build_source(
    uri: str, model_uid: str = "", run_id: str = "", registered: Registered | None = None
) -> Source | Problem:
    found = schemes.find_delivery(uri)
    if found is None:  # of a spec.source that an older or a newer version of the kind allows
        return Problem(names.SOURCE_UNSUPPORTED, f"spec.source is {uri!r}, which is not on S3")
    return Source(uri, found, model_uid, run_id, registered)
