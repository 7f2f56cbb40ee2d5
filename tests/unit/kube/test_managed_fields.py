"""Which part of an object a field manager owns."""

from typing import Any

import pytest

from podium.kube import managed_fields

ENV = [{"name": "A", "value": "1", "theirs": True}, {"name": "B", "value": "2"}]


@pytest.mark.parametrize(
    ("value", "fields", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"f:a": {}}, {"a": 1}, id="a field"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"f:a": {".": {}, "f:b": {}}}, {"a": {"b": 1}}, id="a field of a field"),
        pytest.param({"a": {"b": 1}}, {"f:a": {}}, {"a": {"b": 1}}, id="all that is below a field"),
        pytest.param({"a": 1}, {"f:a": {}, "f:gone": {}}, {"a": 1}, id="a field that is gone"),
        pytest.param({"a.b/c": 1}, {"f:a.b/c": {}}, {"a.b/c": 1}, id="a name with dots"),
        pytest.param(
            ENV,
            {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
            [{"name": "A", "value": "1"}],
            id="the owned fields of an item",
        ),
        pytest.param(ENV, {'k:{"name":"B"}': {}}, [{"name": "B", "value": "2"}], id="a whole item"),
        pytest.param(
            [{"port": 80, "protocol": "TCP", "name": "web"}],
            {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}},
            [{"port": 80, "protocol": "TCP"}],
            id="a key of an item that is a default",
        ),
        pytest.param(["ours", "theirs"], {'v:"ours"': {}}, ["ours"], id="a member of a set"),
        pytest.param([1, 2], {}, [1, 2], id="a whole list"),
        pytest.param("text", {"f:a": {}}, "text", id="a value that has become one of another kind"),
    ],
)
def test_a_set_of_fields_names_a_part_of_a_value(value: Any, fields: dict[str, Any], expected: Any) -> None:
    assert managed_fields.project(value, fields) == expected


@pytest.mark.parametrize(
    "entry",
    [{"manager": "another"}, {"operation": "Update"}, {"subresource": "status"}],
    ids=["another manager", "an update", "the status"],
)
def test_only_what_was_applied_by_a_manager_is_its_own(entry: dict[str, str]) -> None:
    applied = {"manager": "mine", "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    other = applied | entry | {"fieldsV1": {"f:other": {}}}
    assert managed_fields.find_applied({"metadata": {"managedFields": [other, applied]}}, "mine") == {"f:spec": {}}
    assert managed_fields.find_applied({"metadata": {"managedFields": [other]}}, "mine") == {}
    assert managed_fields.find_applied({"metadata": {}}, "mine") == {}
