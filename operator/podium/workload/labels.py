"""Labels and owner references of children. Selectors use none that changes with an application's version."""

from typing import Any

from podium import names


def selector(model_version: str) -> dict[str, str]:
    """Selects the pods of one ModelVersion, by its object name."""
    return {names.MODEL_VERSION_NAME_LABEL: model_version}


def revision_selector(alias: str, model_version: str) -> dict[str, str]:
    """Selects the pods of one revision of one ModelAlias.

    TRAFFIC_LABEL is not in it: a revision that is named receives traffic, whatever else its pods bear.
    """
    return {names.MODEL_ALIAS_NAME_LABEL: alias, names.MODEL_VERSION_NAME_LABEL: model_version}


def overlap_selector(alias: str) -> dict[str, str]:
    """Selects the pods of all revisions of one ModelAlias that traffic may come to, while a switch lasts."""
    return {names.MODEL_ALIAS_NAME_LABEL: alias, names.TRAFFIC_LABEL: names.TRAFFIC_LIVE}


def of_pods(owner: dict[str, Any]) -> dict[str, str]:
    """Labels by which the pods of a ModelVersion, with this metadata, are selected; of a revision also as its alias's.

    Whether traffic may come to a revision is written on it when it is made, and taken over as it is.
    """
    alias = find_controller(owner, names.MODEL_ALIAS_KIND)
    if alias is None:
        return selector(owner["name"])
    traffic = {k: v for k, v in owner.get("labels", {}).items() if k == names.TRAFFIC_LABEL}
    return revision_selector(alias, owner["name"]) | traffic


def of_children(instance: str) -> dict[str, str]:
    """Labels of everything that Podium makes for the object named `instance`."""
    return {
        names.NAME_LABEL: names.SERVED_NAME,
        names.INSTANCE_LABEL: instance,
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
    }


def build_owner_reference(kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """The controller reference to an object of Podium's own kinds."""
    return {
        "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def find_owner(metadata: dict[str, Any]) -> tuple[str, str] | None:
    """Kind and name of the object of Podium's that controls another, None if none does."""
    kinds = (names.MODEL_VERSION_KIND, names.MODEL_ALIAS_KIND)
    return next(((kind, name) for kind in kinds if (name := find_controller(metadata, kind))), None)


def find_controller(metadata: dict[str, Any], kind: str) -> str | None:
    """Name of the object of this kind of Podium's that controls another. Labels do not count: users may write them."""
    for reference in metadata.get("ownerReferences", []):
        is_ours = reference["apiVersion"].startswith(f"{names.GROUP}/") and reference["kind"] == kind
        if is_ours and reference.get("controller"):
            return str(reference["name"])
    return None
