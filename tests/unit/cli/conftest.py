"""A registry in memory, with a model of some history."""

import pytest

from podium.registry.model import entities
from tests.unit.cli.memoryregistries import ANN, Memory
from tests.unit.registry import factories

EVIDENCE = entities.Evidence(
    (
        entities.GateRecord(
            "accuracy >= 0.9", True, "0.93", entities.MetricGate("accuracy", min=0.9), entities.Outcome.MET
        ),
        entities.GateRecord("tag ok = yes", False, "missing"),  # as an earlier Podium recorded it
    ),
    {"accuracy": 0.93},
    "s3://models/iris/2",
)


@pytest.fixture
def place() -> Memory:
    return Memory()


@pytest.fixture
def iris(place: Memory) -> Memory:
    """Model iris of two versions; champion was moved from 1 to 2, staging was deleted, 1 was rejected."""
    registry = place.registry
    registry.models.create("iris", "of flowers", {"team": "a"})
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://models/iris/{number}")
    registry.aliases.set("iris", "champion", 1, factories.JOE)
    registry.aliases.set("iris", "staging", 2, entities.Actor("bob", "x-forwarded-user"))
    registry.versions.decide("iris", 1, entities.Approval("rejected", place.clock(), ANN, "too\nslow"))
    registry.aliases.set("iris", "champion", 2, factories.JOE, why="better", guard=lambda head, version: EVIDENCE)
    registry.aliases.delete("iris", "staging", entities.Actor())
    return place
