"""Labels, selectors and owner references."""

from podium import names
from podium.workload import labels


def test_selectors_hold_nothing_that_changes_with_a_version() -> None:
    assert labels.selector("iris-v1") == {names.MODEL_VERSION_NAME_LABEL: "iris-v1"}
    assert labels.revision_selector("iris", "iris-v1-ab") == {
        names.MODEL_ALIAS_NAME_LABEL: "iris",
        names.MODEL_VERSION_NAME_LABEL: "iris-v1-ab",
    }


def test_children_are_labelled_as_managed_and_by_the_object_that_they_are_for() -> None:
    assert labels.of_children("iris-v1") == {
        "app.kubernetes.io/name": "podium-model",
        "app.kubernetes.io/instance": "iris-v1",
        "app.kubernetes.io/managed-by": "podium",
    }


def test_children_go_with_their_owner() -> None:
    assert labels.build_owner_reference("ModelVersion", {"name": "iris-v1", "uid": "u"}) == {
        "apiVersion": "podium.dev/v1beta1",
        "kind": "ModelVersion",
        "name": "iris-v1",
        "uid": "u",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_only_the_controller_of_our_group_owns() -> None:
    ours = labels.build_owner_reference("ModelAlias", {"name": "iris", "uid": "u"})
    assert labels.find_controller({"ownerReferences": [ours]}, "ModelAlias") == "iris"
    assert labels.find_controller({"ownerReferences": [ours | {"controller": False}]}, "ModelAlias") is None
    assert labels.find_controller({"ownerReferences": [ours | {"apiVersion": "other.dev/v1"}]}, "ModelAlias") is None
    assert labels.find_controller({"labels": {names.MODEL_ALIAS_NAME_LABEL: "iris"}}, "ModelAlias") is None
