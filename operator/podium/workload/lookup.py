"""What the registry says about one version: where its artifact is, or a sentence with the nearest names."""

from podium import errors, names
from podium.api import model_version
from podium.registry import catalog as catalogs
from podium.registry.model import entities
from podium.workload import version as versions

_REASONS = {"model": names.MODEL_NOT_FOUND, "version": names.VERSION_NOT_FOUND, "alias": names.ALIAS_NOT_FOUND}
_ADVICE = {
    "model": "Register it in the registry of namespace {registry!r}, or create this object again with another model",
    "version": "Register it, or ask for another version",
    "alias": "Set it in MLflow (set_registered_model_alias), or pin a version by spec.version",
}


def problem(error: errors.RegistryError, registry: str) -> versions.Problem:
    """What a registry (the one of this namespace) says, as a documented reason and a sentence with what to do."""
    if isinstance(error, errors.NotFound):
        return versions.Problem(_REASONS[error.what], f"{error}. {_ADVICE[error.what].format(registry=registry)}")
    return versions.Problem(
        names.REGISTRY_CORRUPT,
        f"{error}. Correct it (kubectl edit configmap --field-manager={names.REPAIR_MANAGER} --namespace {registry}); "
        "until then this model stays as it is",
    )


def not_served(namespace: str) -> versions.Problem:
    """The registry of this namespace is none of the operator's."""
    return versions.Problem(
        names.REGISTRY_NOT_SERVED,
        f"this operator does not serve the registry of namespace {namespace!r}: add it to the chart's value "
        "registry.namespaces, or name another in spec.registry.namespace",
    )


def locate(version: entities.Version) -> str:
    """The artifact's S3 location. Raises ValueError with what to do where it has none."""
    uri = version.artifact_uri
    if not uri.startswith("s3://"):
        raise ValueError(
            f"version {version.number} has its artifact at {uri!r}, which is not on S3: register a version from a "
            "tracking server whose artifacts are on S3"
        )
    return uri


def find_source(
    catalog: catalogs.Catalog | None, registry: str, spec: model_version.ModelVersionSpec
) -> versions.Source | versions.Problem:
    """The Source of a ModelVersion: as its spec says, else as its registry does."""
    if spec.source:
        return versions.Source(spec.source)
    if catalog is None:
        return not_served(registry)
    try:
        head = catalog.find(spec.model)
        version = catalog.version(head, spec.version)
        return versions.Source(locate(version), head.uid, version.run_id or "")
    except errors.RegistryError as error:
        return problem(error, registry)
    except ValueError as error:
        return versions.Problem(names.SOURCE_UNSUPPORTED, f"{error}, or write its place on S3 as spec.source")
