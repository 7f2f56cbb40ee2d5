"""The strategy that a spec asks for."""

from podium.api import model_alias
from podium.rollout.strategies import bluegreen, protocol
from podium.routing import service

_BY_NAME: dict[str, protocol.Strategy] = {"BlueGreen": bluegreen.BlueGreen(service.ServiceRouter())}


def choose_strategy(spec: model_alias.ModelAliasSpec) -> protocol.Strategy:
    """The strategy of `spec.rollout`, with the router that carries it out."""
    return _BY_NAME[spec.rollout.strategy]
