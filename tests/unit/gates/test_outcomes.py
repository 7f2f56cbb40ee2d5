"""Results of gates: only what is met passes, and a number that the store never recorded is told from one that fails."""

import pytest

from podium.gates import outcomes
from podium.registry.model import entities

METRIC = entities.MetricGate("accuracy", min=0.9)
TAG, APPROVAL = entities.TagGate("reviewed", "yes"), entities.ApprovalGate()


@pytest.mark.parametrize("outcome", entities.Outcome)
def test_a_gate_whose_outcome_is_not_known_is_not_met(outcome: entities.Outcome) -> None:
    results = [
        outcomes.MetricResult(METRIC, outcome),
        outcomes.TagResult(TAG, outcome),
        outcomes.ApprovalResult(APPROVAL, outcome),
    ]
    is_met = outcome == entities.Outcome.MET
    assert [outcomes.is_met(result) for result in results] == [is_met] * 3
    assert outcomes.failed(results) == ([] if is_met else results)


def test_only_a_metric_lacks_a_number() -> None:
    lack = outcomes.Lack(entities.Cause.MISSING)
    assert outcomes.lack_of(outcomes.MetricResult(METRIC, entities.Outcome.UNKNOWN, lack=lack)) == lack
    assert outcomes.lack_of(outcomes.MetricResult(METRIC, entities.Outcome.MET, 0.95)) is None
    assert outcomes.lack_of(outcomes.TagResult(TAG, entities.Outcome.UNMET)) is None


UNRECORDED = {"not-recorded", "never-moved", "mirrored", "gated-elsewhere", "other-artifact"}


@pytest.mark.parametrize("cause", entities.Cause)
def test_causes_by_which_the_store_recorded_no_number_are_told_from_those_of_a_number(cause: entities.Cause) -> None:
    result = outcomes.MetricResult(METRIC, entities.Outcome.UNKNOWN, lack=outcomes.Lack(cause))
    assert outcomes.is_unrecorded(result) == (cause in UNRECORDED)
    assert not outcomes.is_unrecorded(outcomes.TagResult(TAG, entities.Outcome.UNMET))
