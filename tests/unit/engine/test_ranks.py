"""What goes first when a process begins to lead: what moves traffic."""

from typing import Any

import pytest

from podium import names
from podium.engine import ranks
from tests.unit.engine.observing import build_reference

REF = {"version": 1, "revision": "a", "name": "iris-v1-a"}


@pytest.mark.parametrize(
    ("status", "designated", "rank"),
    [
        pytest.param({}, 1, ranks.MOVING, id="nothing is served yet"),
        pytest.param({"served": REF}, 2, ranks.MOVING, id="the alias moved while nobody led"),
        pytest.param({"served": REF, "rollout": {"phase": "Switching"}}, 1, ranks.MOVING, id="traffic moves"),
        pytest.param({"served": REF, "rollout": {"phase": "Preparing"}}, 1, ranks.MOVING, id="pods are made"),
        pytest.param({"served": REF, "rollout": {"phase": "Complete"}}, 1, ranks.ALIAS, id="all is as it should be"),
        pytest.param({"served": REF}, None, ranks.ALIAS, id="the model is gone"),
        pytest.param({}, None, ranks.ALIAS, id="there is no model yet"),
    ],
)
def test_of_modelaliases_those_whose_traffic_is_to_move_go_first(
    status: dict[str, Any], designated: int | None, rank: int
) -> None:
    assert ranks.rank_alias({"status": status}, designated) == rank


@pytest.mark.parametrize(
    ("name", "status", "rank"),
    [
        pytest.param("iris-v1-a", {"served": REF}, ranks.RECEIVING, id="served"),
        pytest.param("iris-v1-a", {"desired": REF}, ranks.RECEIVING, id="desired"),
        pytest.param("iris-v1-a", {"rollout": {"to": REF}}, ranks.RECEIVING, id="on its way"),
        pytest.param("iris-v0-b", {"served": REF}, ranks.REST, id="an old one"),
        pytest.param("iris-v1-a", {}, ranks.REST, id="of a ModelAlias that serves nothing"),
    ],
)
def test_of_modelversions_those_with_traffic_go_before_the_rest(name: str, status: dict[str, Any], rank: int) -> None:
    metadata = {"name": name, "ownerReferences": [build_reference(names.MODEL_ALIAS_KIND, "iris")]}
    assert ranks.rank_version({"metadata": metadata}, {"status": status}) == rank
    assert ranks.rank_version({"metadata": metadata}, None) == ranks.REST
    assert ranks.rank_version({"metadata": {"name": name}}, None) == ranks.REST
