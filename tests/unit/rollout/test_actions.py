"""What a plan can ask for."""

import dataclasses
import typing

from podium.rollout import actions


def test_every_action_is_one_of_those_that_the_executor_is_told_of() -> None:
    made = {each for each in vars(actions).values() if isinstance(each, type) and dataclasses.is_dataclass(each)}
    assert made - {actions.Plan} == set(typing.get_args(actions.Action))


def test_a_plan_waits_for_an_event_unless_it_says_when_to_look_again() -> None:
    assert actions.Plan(()).again_after is None
