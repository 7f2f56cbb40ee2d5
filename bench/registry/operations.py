"""What is measured: calls of MLflow's store interface, the same for both stores."""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

from bench.registry import load
from mlflow.entities import model_registry

Call = Callable[[Any, random.Random], object]


@dataclasses.dataclass(frozen=True)
class Operation:
    """`goal` is the ratio to SQL's time that is aimed at."""

    name: str
    call: Call
    goal: float


def all_of(model_count: int, versions_each: int) -> list[Operation]:
    """In the order in which they are measured: reads before writes change the sizes."""

    def name(chance: random.Random) -> str:
        return load.model_name(chance.randrange(model_count))

    def number(chance: random.Random) -> int:
        return chance.randint(1, versions_each)

    def tag(chance: random.Random) -> Any:
        return model_registry.ModelVersionTag("measured", str(chance.random()))

    return [
        Operation("get version by alias", lambda s, c: s.get_model_version_by_alias(name(c), "champion"), 0.3),
        Operation("get version", lambda s, c: s.get_model_version(name(c), number(c)), 0.3),
        Operation("get model", lambda s, c: s.get_registered_model(name(c)), 0.3),
        Operation("search one model", lambda s, c: s.search_model_versions(f"name = '{name(c)}'"), 0.3),
        Operation(
            "search by tag",
            lambda s, c: s.search_model_versions(f"tags.team = 'team-{c.randrange(load.TEAMS)}'"),
            0.3,
        ),
        Operation("page of 1,000 versions", lambda s, _: s.search_model_versions(max_results=1000), 0.3),
        Operation("list 200 models", lambda s, _: s.search_registered_models(max_results=200), 0.3),
        Operation("set alias", lambda s, c: s.set_registered_model_alias(name(c), "champion", number(c)), 1.0),
        Operation("set tag", lambda s, c: s.set_model_version_tag(name(c), number(c), tag(c)), 1.0),
        Operation("update version", lambda s, c: s.update_model_version(name(c), number(c), str(c.random())), 1.0),
        Operation("create version", lambda s, c: s.create_model_version(name(c), f"s3://models/{c.random()}"), 1.0),
    ]
