"""What changes on an MLflow server changes in the registry; what cannot is told; nothing is deleted by mistake."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import mlflow
import pytest
from mlflow.tracking._model_registry import client as registry_client

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import memory
from podium.sync import mirror, source
from tests.support import mlflowdatabase
from tests.unit.registry import factories

ADDRESS = "http://mlflow.example:5000"
CLAIM = entities.ServingClaim("u1", "prod", "iris", (1,))


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return mlflowdatabase.empty(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def client(uri: str) -> Iterator[mlflow.MlflowClient]:
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    every = registry_client.ModelRegistryClient(uri, uri)  # MlflowClient hides prompts
    for name in source.Source(uri).names():
        every.delete_registered_model(name)
    client.create_registered_model("iris")
    for number in (1, 2):
        client.create_model_version("iris", f"s3://models/{number}")
    client.set_registered_model_alias("iris", "champion", "1")
    return client


class Faulty(source.Source):
    """A server that fails in the way that a test says, and answers for real otherwise."""

    fault: Callable[[str], None] = staticmethod(lambda call: None)
    lacks: frozenset[str] = frozenset()
    """Names that its lists lack."""

    def snapshot(self) -> Any:
        self.fault("snapshot")
        return {name: image for name, image in super().snapshot().items() if name not in self.lacks}

    def image(self, name: str) -> Any:
        self.fault(name)
        return super().image(name)

    def is_there(self, name: str) -> bool:
        self.fault(name)
        return super().is_there(name)


class Bench:
    """A mirror in memory."""

    def __init__(self, uri: str) -> None:
        self.backend = memory.MemoryBackend()
        self.registry = store.Registry(self.backend, clock=factories.Clock(), mirrors=True)
        self.source = Faulty(uri)
        self.mirror = mirror.Mirror(self.registry, self.source, ADDRESS)

    def equals(self, *names: str) -> bool:
        """Whether exactly these models are here, each as it is there."""
        found = {head.name: head for head in self.registry.models.list()}
        if sorted(found) != sorted(names):
            return False
        for name in names:
            there, here = self.source.image(name), self.registry.images.fresh(name)
            live = tuple(version for version in here.versions if not version.deleted)
            if (there.aliases, there.tags, there.versions) != (here.aliases, here.tags, live):
                return False
            if (there.created_ms, there.updated_ms) != (here.created_ms, here.updated_ms):
                return False
        return True


@pytest.fixture
def bench(client: mlflow.MlflowClient, uri: str) -> Bench:
    bench = Bench(uri)
    assert bench.mirror.follow_all() == 1
    assert bench.equals("iris")
    return bench


CHANGES: dict[str, Callable[[mlflow.MlflowClient], object]] = {
    "an alias moved": lambda c: c.set_registered_model_alias("iris", "champion", "2"),
    "an alias made": lambda c: c.set_registered_model_alias("iris", "other", "2"),
    "an alias dropped": lambda c: c.delete_registered_model_alias("iris", "champion"),
    "a version registered": lambda c: c.create_model_version("iris", "s3://models/3", tags={"a": "b"}),
    "a version deleted": lambda c: c.delete_model_version("iris", "1"),
    "the last version deleted": lambda c: c.delete_model_version("iris", "2"),
    "a version described": lambda c: c.update_model_version("iris", "1", "other"),
    "a version tagged": lambda c: c.set_model_version_tag("iris", "1", "a", "b"),
    "a stage changed": lambda c: c.transition_model_version_stage("iris", "1", "Production"),
    "a model described": lambda c: c.update_registered_model("iris", "other"),
    "a model tagged": lambda c: c.set_registered_model_tag("iris", "a", "b"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("is_hint", [False, True], ids=["by a pass", "by a hint"])
def test_a_change_on_the_server_appears(client: mlflow.MlflowClient, bench: Bench, change: str, is_hint: bool) -> None:
    CHANGES[change](client)
    if is_hint:
        assert bench.mirror.follow("iris")
    else:
        bench.mirror.follow_all()
    assert bench.equals("iris")
    assert bench.mirror.problems == {}
    before = bench.backend.list({})
    bench.mirror.follow_all()
    assert bench.backend.list({}) == before


def test_new_models_and_prompts_appear(client: mlflow.MlflowClient, bench: Bench) -> None:
    client.create_registered_model("empty")
    client.register_prompt("greeting", "Hello {{name}}")
    assert bench.mirror.follow("empty")
    assert bench.equals("iris", "empty")
    bench.mirror.follow_all()
    assert bench.equals("iris", "empty", "greeting")


@pytest.mark.parametrize("is_hint", [False, True], ids=["by a pass", "by a hint"])
def test_a_renamed_model_keeps_its_identity_and_history(
    client: mlflow.MlflowClient, bench: Bench, is_hint: bool
) -> None:
    uid = bench.registry.models.fresh("iris").uid
    client.rename_registered_model("iris", "flowers")
    if is_hint:
        assert bench.mirror.follow("flowers")
    else:
        bench.mirror.follow_all()
    assert bench.equals("flowers")
    assert bench.registry.models.fresh("flowers").uid == uid
    assert len(bench.registry.aliases.history("flowers")) == 1


def test_a_renamed_model_that_is_served_appears_beside_the_old_one_until_that_is_let_go(
    client: mlflow.MlflowClient, bench: Bench
) -> None:
    uid = bench.registry.models.fresh("iris").uid
    bench.registry.serving.record(uid, CLAIM)
    client.rename_registered_model("iris", "flowers")
    bench.mirror.follow_all()
    assert [head.name for head in bench.registry.models.list()] == ["flowers", "iris"]
    assert (
        "no longer has 'iris', but it is kept here: 'iris' is served by ModelAlias prod/iris"
        in (bench.mirror.problems["iris"])
    )
    bench.registry.serving.release(uid, "u1")
    bench.mirror.follow_all()
    assert bench.equals("flowers")
    assert bench.mirror.problems == {}


def test_a_model_that_was_deleted_and_created_again_is_another_one(client: mlflow.MlflowClient, bench: Bench) -> None:
    uid = bench.registry.models.fresh("iris").uid
    client.delete_registered_model("iris")
    client.create_registered_model("iris")
    client.create_model_version("iris", "s3://models/new")
    bench.mirror.follow_all()
    assert bench.equals("iris")
    assert bench.registry.models.fresh("iris").uid != uid


def test_a_served_model_that_was_created_again_stays_and_is_told(client: mlflow.MlflowClient, bench: Bench) -> None:
    head = bench.registry.models.fresh("iris")
    bench.registry.serving.record(head.uid, CLAIM)
    client.delete_registered_model("iris")
    client.create_registered_model("iris")
    bench.mirror.follow_all()
    assert bench.registry.versions.fresh("iris", 1).source == "s3://models/1"
    assert "served by ModelAlias prod/iris" in bench.mirror.problems["iris"]


def test_a_deleted_model_goes_by_a_pass_and_never_by_a_hint_alone(client: mlflow.MlflowClient, bench: Bench) -> None:
    client.delete_registered_model("iris")
    assert not bench.mirror.follow("iris")
    assert bench.registry.models.fresh("iris").last_version == 2
    bench.mirror.follow_all()
    assert bench.equals()


def test_a_list_that_lacks_a_model_deletes_nothing(client: mlflow.MlflowClient, bench: Bench) -> None:
    client.create_registered_model("other")
    bench.mirror.follow_all()
    bench.source.lacks = frozenset({"iris"})
    client.set_registered_model_alias("iris", "champion", "2")
    bench.mirror.follow_all()
    assert bench.equals("iris", "other")


def test_a_server_that_lost_everything_at_once_is_not_believed(client: mlflow.MlflowClient, bench: Bench) -> None:
    client.create_registered_model("other")
    bench.mirror.follow_all()
    for name in ("iris", "other"):
        client.delete_registered_model(name)
    with pytest.raises(
        errors.ServerFailed, match="shows no model at all, and 2 are mirrored: nothing is deleted"
    ) as info:
        bench.mirror.follow_all()
    assert info.value.cause == "Empty"
    assert len(bench.registry.models.list()) == 2
    mirror.Mirror(bench.registry, bench.source, ADDRESS, trusts_empty=True).follow_all()
    assert bench.registry.models.list() == []


@pytest.mark.parametrize("failing", ["snapshot", "iris", "other"])
def test_a_server_that_fails_at_any_call_deletes_nothing_and_the_next_pass_goes_on(
    client: mlflow.MlflowClient, bench: Bench, failing: str
) -> None:
    client.create_registered_model("other")
    bench.mirror.follow_all()
    client.delete_registered_model("other")
    client.set_registered_model_alias("iris", "champion", "2")

    def fault(call: str) -> None:
        if call == failing:
            raise errors.ServerFailed("ServerError", "500")

    bench.source.fault = fault
    with pytest.raises(errors.ServerFailed):
        bench.mirror.follow_all()
    assert bench.registry.models.fresh("other").name == "other"
    bench.source.fault = lambda call: None
    bench.mirror.follow_all()
    assert bench.equals("iris")


def test_a_model_that_cannot_be_mirrored_stops_no_other(client: mlflow.MlflowClient, bench: Bench) -> None:
    own = store.Registry(bench.backend)
    own.models.create("own")
    client.create_registered_model("own")
    client.create_registered_model("forbidden")
    client.create_registered_model("zebra")

    def fault(call: str) -> None:
        if call == "forbidden":
            raise errors.ServerFailed("Forbidden", "403")

    bench.source.fault = fault
    bench.mirror.follow_all()
    assert "was created in this registry and does not mirror" in bench.mirror.problems["own"]
    assert bench.mirror.problems["forbidden"] == "403"
    assert bench.registry.models.fresh("zebra").mirror == ADDRESS
    assert own.models.fresh("own").mirror == ""
    client.delete_registered_model("own")
    bench.source.fault = lambda call: None
    bench.mirror.follow_all()
    assert bench.mirror.problems == {}
    assert own.models.fresh("own").name == "own"


def test_what_somebody_edits_behind_the_registry_is_put_right_after_some_passes(
    client: mlflow.MlflowClient, bench: Bench
) -> None:
    bench.registry.versions.set_tag("iris", 1, "edited", "yes")
    for _ in range(mirror.VERIFY_EVERY):
        bench.mirror.follow_all()
    assert bench.equals("iris")


def test_a_mirror_that_dies_at_any_write_is_finished_by_another(client: mlflow.MlflowClient, uri: str) -> None:
    client.set_registered_model_alias("iris", "other", "2")
    for write in range(1, 6):
        for is_taken in (False, True):
            bench = Bench(uri)
            dying = factories.DyingBackend(bench.backend, write, is_taken=is_taken)
            registry = store.Registry(dying, mirrors=True)
            with contextlib.suppress(factories.Killed):
                mirror.Mirror(registry, bench.source, ADDRESS).follow_all()
            bench.mirror.follow_all()
            assert bench.equals("iris")
            assert {e.alias for e in bench.registry.aliases.history("iris")} == {"champion", "other"}


def test_what_was_done_is_counted(client: mlflow.MlflowClient, bench: Bench) -> None:
    bench.mirror.changes.clear()
    client.create_model_version("iris", "s3://models/3")
    client.set_registered_model_alias("iris", "champion", "3")
    client.delete_model_version("iris", "1")
    bench.mirror.follow_all()
    assert +bench.mirror.changes == {
        "models_changed": 1,
        "versions_created": 1,
        "versions_deleted": 1,
        "aliases_moved": 1,
    }


class Gated:
    """A registry whose alias champion is gated; what is found is recorded, and may fail."""

    def __init__(self, bench: Bench) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self.is_gated = True
        self.failure: errors.RegistryError | None = None
        self.mirror = mirror.Mirror(bench.registry, bench.source, ADDRESS, evidence=self.evidence)

    def evidence(self, head: entities.Head, alias: str, version: entities.Version) -> entities.Evidence:
        if self.failure:
            raise self.failure
        if not self.is_gated:
            return entities.Evidence()
        self.asked.append((head.uid, alias, version.number))
        return entities.Evidence((entities.GateRecord("accuracy >= 0.9", False, "0.5"),), {"accuracy": 0.5})


def test_what_a_move_rests_on_is_recorded_even_if_its_gates_fail(client: mlflow.MlflowClient, bench: Bench) -> None:
    gated = Gated(bench)
    client.set_registered_model_alias("iris", "champion", "2")
    gated.mirror.follow("iris")
    head = bench.registry.models.fresh("iris")
    assert gated.asked == [(head.uid, "champion", 2)]
    assert (head.aliases, head.history[-1].evidence.metrics) == ({"champion": 2}, {"accuracy": 0.5})


def test_an_alias_whose_metrics_cannot_be_read_moves_once_they_can(client: mlflow.MlflowClient, bench: Bench) -> None:
    gated = Gated(bench)
    gated.failure = errors.Unavailable("the tracking server does not answer")
    client.set_registered_model_alias("iris", "champion", "2")
    client.create_registered_model("zebra")
    gated.mirror.follow_all()
    assert bench.registry.models.fresh("iris").aliases == {"champion": 1}
    assert gated.mirror.problems == {"iris": "the tracking server does not answer"}
    assert bench.registry.models.fresh("zebra").mirror == ADDRESS
    gated.failure = None
    gated.mirror.follow_all()
    assert bench.equals("iris", "zebra")
    assert gated.mirror.problems == {}


def test_gates_that_come_later_get_their_metrics_once_and_these_stay(client: mlflow.MlflowClient, bench: Bench) -> None:
    gated = Gated(bench)
    gated.is_gated = False
    gated.mirror.follow("iris")
    assert len(bench.registry.aliases.history("iris")) == 1
    gated.is_gated = True
    for _ in range(3):
        gated.mirror.follow("iris")
    entries = bench.registry.aliases.history("iris")
    assert [(e.from_version, e.to_version, dict(e.evidence.metrics)) for e in entries] == [
        (None, 1, {}),
        (1, 1, {"accuracy": 0.5}),
    ]
