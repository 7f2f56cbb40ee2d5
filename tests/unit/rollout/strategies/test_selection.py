"""Which strategy and router a spec gets."""

import typing

from podium.api import model_alias
from podium.rollout.strategies import bluegreen, selection
from podium.routing import service
from tests.unit.rollout import simulator


def test_every_strategy_that_the_api_offers_is_there() -> None:
    offered = typing.get_args(model_alias.Rollout.model_fields["strategy"].annotation)
    assert offered
    for name in offered:
        assert selection.choose_strategy(simulator.spec(rollout={"strategy": name})).own_phases


def test_without_a_word_in_spec_it_is_bluegreen_by_the_services_selector() -> None:
    chosen = selection.choose_strategy(simulator.spec())
    assert isinstance(chosen, bluegreen.BlueGreen)
    assert isinstance(chosen.router, service.ServiceRouter)
