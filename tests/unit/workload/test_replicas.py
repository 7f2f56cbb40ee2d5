"""How many pods are asked for, and whether those that are there are as many."""

import dataclasses

import pytest

from podium import names
from podium.api import conditions, model_alias
from podium.manifest import Manifest
from podium.workload import replicas, version
from tests.unit.workload import factories

RANGE = replicas.Range(2, 10)


def test_a_spec_asks_for_a_fixed_number_and_for_three_where_it_has_none() -> None:
    assert replicas.of_template(factories.spec()) == replicas.Fixed(3)
    assert replicas.of_template(factories.spec(replicas=0)) == replicas.Fixed(0)
    assert replicas.of_template(model_alias.Template.model_validate({"replicas": 5})) == replicas.Fixed(5)


@pytest.mark.parametrize(
    ("asked", "live", "is_met", "adjusted"),
    [
        pytest.param(replicas.Fixed(3), 3, True, 3, id="the fixed number"),
        pytest.param(replicas.Fixed(3), 7, False, 3, id="more than the fixed number"),
        pytest.param(replicas.Fixed(3), 0, False, 3, id="none of a fixed number yet"),
        pytest.param(replicas.Fixed(0), 0, True, 0, id="none asked for"),
        pytest.param(replicas.Range(2, 10), 7, True, 7, id="within the range"),
        pytest.param(replicas.Range(2, 10), 2, True, 2, id="the lower bound"),
        pytest.param(replicas.Range(2, 10), 10, True, 10, id="the upper bound"),
        pytest.param(replicas.Range(2, 10), 0, False, 2, id="none within a range yet"),
        pytest.param(replicas.Range(2, 10), 11, False, 10, id="above the range"),
    ],
)
def test_a_number_of_pods_meets_what_is_asked_for_or_is_adjusted_to_it(
    asked: replicas.Replicas, live: int, is_met: bool, adjusted: int
) -> None:
    assert (asked.is_met(live), asked.adjust(live)) == (is_met, adjusted)
    assert asked.is_met(asked.adjust(live))


@pytest.mark.parametrize(("spec", "count"), [({"replicas": 0}, 0), ({"replicas": 5}, 5), ({}, 3)])
def test_a_stored_model_version_without_a_number_asks_for_the_defaults(spec: Manifest, count: int) -> None:
    assert replicas.count_asked(spec) == count


def scaled_by_somebody(to: int, **status: int) -> version.World:
    """A ModelVersion with a range, whose Deployment somebody's autoscaler has scaled."""
    serving = factories.serving(replicas=RANGE)
    deployment = factories.deployment(serving.spec, ready=to, replicas=to, updatedReplicas=to)
    deployment["status"] |= status
    return dataclasses.replace(serving, deployment=deployment | {"spec": {"replicas": to}})


def ready_of(outcome: version.Outcome) -> tuple[str, str]:
    found = conditions.find(factories.dump(outcome.status), names.READY)
    assert found is not None
    return found["status"], found["message"]


def test_a_deployment_that_an_autoscaler_has_scaled_within_the_range_is_ready_and_stays_at_its_number() -> None:
    outcome = version.decide(scaled_by_somebody(7))
    assert ready_of(outcome) == ("True", "7 of 7 pods are ready")
    assert outcome.children[1]["spec"]["replicas"] == 7


@pytest.mark.parametrize(("live", "written"), [(1, 2), (12, 10)], ids=["below", "above"])
def test_a_deployment_outside_the_range_is_not_ready_and_is_brought_back(live: int, written: int) -> None:
    outcome = version.decide(scaled_by_somebody(live))
    assert ready_of(outcome)[0] == "False"
    assert outcome.children[1]["spec"]["replicas"] == written


def test_a_range_is_not_ready_while_pods_of_before_a_change_are_left_or_too_few_are_ready() -> None:
    assert ready_of(version.decide(scaled_by_somebody(7, updatedReplicas=6)))[0] == "False"
    assert ready_of(version.decide(scaled_by_somebody(7, readyReplicas=1)))[0] == "False"


@pytest.mark.parametrize("least", [0, 2])
def test_the_first_deployment_of_a_range_has_the_lower_bound(least: int) -> None:
    outcome = version.decide(factories.world(replicas=replicas.Range(least, 10)))
    assert outcome.children[1]["spec"]["replicas"] == least
