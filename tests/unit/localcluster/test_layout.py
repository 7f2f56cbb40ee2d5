"""Where the local cluster keeps things."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcluster import layout, tools
from localcluster.components import addons, apiserver


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"PODIUM_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a/localcluster"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/podium/localcluster"),
        ({}, f"{Path.home()}/.cache/podium/localcluster"),
    ],
)
def test_the_cache_follows_the_environment(environment: dict[str, str], home: str) -> None:
    assert layout.Layout.from_environment(environment).home == Path(home)


def test_a_tool_with_other_pins_or_flags_is_built_into_another_folder(tmp_path: Path) -> None:
    places = layout.Layout(tmp_path)
    other = tools.HELM._replace(linker_flags="-s")
    assert tools.HELM.folder(places) != other.folder(places)
    assert tools.HELM.folder(places) == tools.HELM.folder(places)


def test_add_ons_render_with_every_placeholder_filled(tmp_path: Path) -> None:
    addresses = {"web_address": ":1", "pods_address": ":2"}
    text = addons.render(layout.Layout(tmp_path), ("traefik", "s3", "storage"), addresses)
    assert "$" not in text
    assert "--entrypoints.web.address=:1" in text


def test_the_audit_log_records_everybody_but_the_clusters_own_parts_and_the_measurement() -> None:
    *others, last = apiserver.AUDIT_POLICY["rules"]
    assert {rule["level"] for rule in others} == {"None"}
    assert last == {"level": "Metadata"}
    assert {namespace for rule in others for namespace in rule.get("namespaces", [])} == {"bench-registry"}
    assert "system:serviceaccounts:podium-system" not in json.dumps(apiserver.AUDIT_POLICY)
