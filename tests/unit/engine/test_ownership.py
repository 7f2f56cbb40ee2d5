"""Whose an object is."""

from typing import Any

import pytest

from podium import names
from podium.engine import ownership
from podium.workload import children, labels

OWNER = {"name": "champion", "namespace": "models", "uid": "new-uid"}
MANIFEST = children.build_service(OWNER, names.MODEL_ALIAS_KIND, {}, 8080)
OURS = labels.of_children("champion")


def live(owner: dict[str, Any] | None = None, borne: dict[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "champion", "namespace": "models"}
    metadata |= {"ownerReferences": [owner]} if owner else {}
    return {"kind": "Service", "metadata": metadata | ({"labels": borne} if borne else {})}


def controlled_by(kind: str, name: str, uid: str = "old-uid") -> dict[str, Any]:
    return labels.build_owner_reference(kind, {"name": name, "uid": uid})


@pytest.mark.parametrize(
    ("found", "who"),
    [
        (live(controlled_by("ModelAlias", "champion", "new-uid"), OURS), None),
        (live(controlled_by("ModelAlias", "champion")), None),
        (live(None, OURS), None),
        (live(None, OURS | {"app.kubernetes.io/instance": "another"}), "somebody else made it"),
        (live(), "somebody else made it"),
        (live(controlled_by("ModelAlias", "champion") | {"controller": False}), "somebody else made it"),
        (live(controlled_by("ModelVersion", "champion"), OURS), "it belongs to ModelVersion champion"),
        (live(controlled_by("ModelAlias", "another"), OURS), "it belongs to ModelAlias another"),
        (
            live(controlled_by("Gateway", "champion") | {"apiVersion": "example.com/v1"}, OURS),
            "it belongs to Gateway champion",
        ),
    ],
    ids=[
        "our own",
        "of an earlier object of our name, without labels",
        "an orphan of our name",
        "an orphan of another name",
        "without owner and labels",
        "owned, but not controlled",
        "of the other kind under the same name",
        "of another object of our kind",
        "of somebody else's kind",
    ],
)
def test_only_our_own_objects_and_our_orphans_are_ours(found: dict[str, Any], who: str | None) -> None:
    assert ownership.find_stranger(MANIFEST, found) == who
