"""A registry's ConfigMaps changed behind the registry's back, as an administrator may who says that it is a repair."""

from podium import names
from tests.support import cluster

_ALLOWED = {"metadata": {"annotations": {names.REPAIR_ANNOTATION: "delete"}}}


def edit(api: cluster.Api, namespace: str, name: str, data: dict[str, str | None]) -> None:
    """Write these data keys of a ConfigMap; None removes one."""
    api.patch("ConfigMap", namespace, name, {"data": data}, manager=names.REPAIR_MANAGER)


def delete(api: cluster.Api, namespace: str, name: str) -> None:
    """Delete a ConfigMap."""
    api.patch("ConfigMap", namespace, name, _ALLOWED, manager=names.REPAIR_MANAGER)
    api.delete("ConfigMap", namespace, name)


def delete_model(api: cluster.Api, namespace: str, uid: str) -> None:
    """Delete every ConfigMap of a model."""
    for found in api.list("ConfigMap", namespace, f"{names.REGISTRY_UID_LABEL}={uid}"):
        delete(api, namespace, found["metadata"]["name"])
