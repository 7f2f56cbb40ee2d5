"""What the mirror does about one model, and when it reads a model again; real servers are in the contract tests."""

import dataclasses
from typing import Any

import pytest

from podium import errors, names
from podium.registry import store
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.registry.storage import memory
from podium.sync import mirror
from tests.unit.registry import factories
from tests.unit.registry.images import images

ADDRESS = images.MIRROR


class Server:
    """A server that holds images, and remembers which it was asked for."""

    def __init__(self, *held: convergence.ModelImage) -> None:
        self.held = {image.name: image for image in held}
        self.asked: list[str] = []
        self.unlisted: set[str] = set()
        self.failures: dict[str, Exception] = {}

    def snapshot(self) -> dict[str, convergence.ModelImage]:
        return {name: image for name, image in self.held.items() if name not in self.unlisted}

    def image(self, name: str) -> convergence.ModelImage:
        self.asked.append(name)
        if name in self.failures:
            raise self.failures[name]
        if name not in self.held:
            raise errors.NotFound(name)
        return self.held[name]

    def is_there(self, name: str) -> bool:
        return name in self.held


def model(name: str = "iris", **overrides: Any) -> convergence.ModelImage:
    return images.image(name=name, history=(), history_total=0, **overrides)


@dataclasses.dataclass
class Bench:
    """A mirror over a registry in memory."""

    server: Server
    mirror: mirror.Mirror
    registry: store.Registry

    @property
    def models(self) -> list[str]:
        return sorted(head.name for head in self.registry.models.list())


def bench(*held: convergence.ModelImage, **options: Any) -> Bench:
    server: Any = Server(*held)
    registry = store.Registry(memory.MemoryBackend(), clock=factories.Clock(), mirrors=True)
    return Bench(server, mirror.Mirror(registry, server, ADDRESS, **options), registry)


def test_a_model_that_did_not_change_is_read_once() -> None:
    made = bench(model("a"), model("b"))
    assert made.mirror.follow_all() == 2
    made.server.held["b"] = model("b", aliases={"champion": 3})
    made.mirror.follow_all()
    assert made.server.asked == ["a", "b", "b"]
    assert made.registry.models.fresh("b").aliases == {"champion": 3}
    assert +made.mirror.changes == {"models_created": 2, "versions_created": 4, "models_changed": 1, "aliases_moved": 3}


def test_every_model_is_compared_with_the_registry_again_after_some_passes() -> None:
    made = bench(model())
    for _ in range(mirror.VERIFY_EVERY + 1):
        made.mirror.follow_all()
    assert made.server.asked == ["iris", "iris"]


def test_a_model_is_deleted_only_if_the_server_says_that_there_is_none() -> None:
    made = bench(model("a"), model("b"))
    made.mirror.follow_all()
    made.server.unlisted = {"a"}
    made.mirror.follow_all()
    assert made.models == ["a", "b"]
    del made.server.held["a"]
    assert not made.mirror.follow("a")
    assert made.models == ["a", "b"]
    made.mirror.follow_all()
    assert made.models == ["b"]


def test_a_server_that_shows_nothing_deletes_nothing_unless_it_is_trusted() -> None:
    for is_trusted in (False, True):
        made = bench(model("a"), model("b"), trusts_empty=is_trusted)
        made.mirror.follow_all()
        made.server.held = {}
        if is_trusted:
            made.mirror.follow_all()
            assert made.models == []
            continue
        with pytest.raises(errors.ServerFailed) as caught:
            made.mirror.follow_all()
        assert caught.value.cause == names.ServerFailure.EMPTY
        assert made.models == ["a", "b"]


@pytest.mark.parametrize("cause", [names.ServerFailure.INCONSISTENT, names.ServerFailure.FORBIDDEN])
def test_a_failure_of_one_model_is_its_problem_and_the_others_are_mirrored(cause: names.ServerFailure) -> None:
    made = bench(model("a"), model("b"))
    made.server.failures["a"] = errors.ServerFailed(cause, "it kept changing")
    made.mirror.follow_all()
    assert (made.models, made.mirror.problems) == (["b"], {"a": "it kept changing"})
    made.server.failures.clear()
    made.mirror.follow_all()
    assert (made.models, made.mirror.problems) == (["a", "b"], {})


def test_a_failure_of_the_server_ends_the_pass() -> None:
    made = bench(model("a"))
    made.server.failures["a"] = errors.ServerFailed(names.ServerFailure.TIMED_OUT, "no answer")
    with pytest.raises(errors.ServerFailed, match="no answer"):
        made.mirror.follow_all()


def test_metrics_that_cannot_be_read_keep_one_model_back() -> None:
    def read_evidence(head: entities.Head, alias: str, version: entities.Version) -> entities.Evidence:
        raise errors.Unavailable("the tracking server does not answer")

    made = bench(model(), evidence=read_evidence)
    made.mirror.follow_all()
    assert made.mirror.problems == {"iris": "the tracking server does not answer"}


def test_a_model_that_was_renamed_on_the_server_keeps_its_identity() -> None:
    made = bench(model("iris"))
    made.mirror.follow_all()
    uid = made.registry.models.fresh("iris").uid
    made.server.held = {"lily": model("lily")}
    made.mirror.follow_all()
    assert made.registry.models.fresh("lily").uid == uid
    assert made.mirror.changes["models_renamed"] == 1


def test_a_model_that_was_made_again_on_the_server_is_another_one_here() -> None:
    made = bench(model())
    made.mirror.follow_all()
    uid = made.registry.models.fresh("iris").uid
    made.server.held = {"iris": model(created_ms=99)}
    made.mirror.follow_all()
    assert made.registry.models.fresh("iris").uid != uid
