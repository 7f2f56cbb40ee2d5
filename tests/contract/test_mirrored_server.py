"""The mirror before a real MLflow server on PostgreSQL: what its answers, and their failures, lead to.

A proxy between the two injects faults. The registry is in memory: what is promised of it holds of the API server's.
"""

import collections.abc
import contextlib
import pathlib
from typing import Any

import mlflow
import pytest
from mlflow.tracking._model_registry import client as registry_client

from podium import errors
from podium.registry import store
from podium.registry.storage import memory
from podium.sync import mirror, source
from tests.support import httpserver, mlflowserver, postgres

pytestmark = pytest.mark.needs("postgresql")

CALL_SECONDS = 3.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[mlflowserver.Server]:
    folder: pathlib.Path = tmp_path_factory.mktemp("mlflow")
    with postgres.running(folder) as uri, mlflowserver.on_database(folder, postgres.database(uri, "mlflow")) as server:
        yield server


@pytest.fixture
def proxy(server: mlflowserver.Server) -> collections.abc.Iterator[httpserver.Proxy]:
    with httpserver.Proxy(server.url).running() as proxy:
        yield proxy


@pytest.fixture
def client(server: mlflowserver.Server) -> mlflow.MlflowClient:
    """The truth: one model of two versions, another one, and a prompt."""
    client = mlflow.MlflowClient(tracking_uri=server.url, registry_uri=server.url)
    every = registry_client.ModelRegistryClient(server.url, server.url)
    for name in source.Source(server.url).names():
        every.delete_registered_model(name)
    client.create_registered_model('it\'s "iris"', {"team": "a"}, "of flowers")
    for number in (1, 2):
        client.create_model_version('it\'s "iris"', f"s3://models/{number}", tags={"n": str(number)})
    client.set_registered_model_alias('it\'s "iris"', "champion", "1")
    client.create_registered_model("other")
    client.register_prompt("greeting", "Hello {{name}}", tags={"a": "b"})
    return client


class Bench:
    """A mirror of the server behind the proxy."""

    def __init__(self, proxy: httpserver.Proxy, truth: str) -> None:
        self.registry = store.Registry(memory.MemoryBackend(), mirrors=True)
        self.source = source.Source(proxy.url)
        self.mirror = mirror.Mirror(self.registry, self.source, truth)
        self.truth = source.Source(truth)

    def shown(self) -> dict[str, Any]:
        """What is here, as the server would show it."""
        found = {}
        for head in self.registry.models.list():
            image = self.registry.images.fresh(head.name)
            live = tuple(version for version in image.versions if not version.deleted)
            found[head.name] = (image.description, image.tags, image.aliases, image.created_ms, image.updated_ms, live)
        return found

    def expected(self) -> dict[str, Any]:
        """What is there."""
        images = [self.truth.image(name) for name in self.truth.names()]
        return {i.name: (i.description, i.tags, i.aliases, i.created_ms, i.updated_ms, i.versions) for i in images}


@pytest.fixture
def bench(
    client: mlflow.MlflowClient, proxy: httpserver.Proxy, server: mlflowserver.Server, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    for name, value in source.limits(CALL_SECONDS).items():
        monkeypatch.setenv(name, value)
    bench = Bench(proxy, server.url)
    bench.mirror.follow_all()
    assert bench.shown() == bench.expected()
    return bench


def test_everything_that_a_server_tells_is_mirrored_and_nothing_is_written_twice(
    client: mlflow.MlflowClient, bench: Bench
) -> None:
    name = 'it\'s "iris"'
    client.set_registered_model_alias(name, "champion", "2")
    client.set_registered_model_alias(name, "old", "1")
    client.create_model_version(name, "s3://models/3", description="third")
    client.delete_model_version(name, "1")
    client.update_model_version(name, "2", "second")
    client.set_model_version_tag(name, "2", "k", "v")
    client.delete_registered_model("other")
    client.rename_registered_model(name, "flowers")
    client.create_registered_model("new", description="")
    client.set_prompt_alias("greeting", "live", 1)
    uid = bench.registry.models.fresh(name).uid
    bench.mirror.follow_all()
    assert bench.shown() == bench.expected()
    assert bench.registry.models.fresh("flowers").uid == uid
    changes = bench.mirror.changes.copy()
    bench.mirror.follow_all()
    assert bench.mirror.changes == changes


Fault = collections.abc.Callable[[httpserver.Proxy], httpserver.Act]


def answered(status: int, content: bytes = b"refused", headers: dict[str, str] | None = None) -> Fault:
    """Every call is answered so."""
    return lambda _: httpserver.answer(status, content, headers)


FAULTS: dict[str, tuple[Fault, str]] = {
    "the connection is dropped": (lambda _: httpserver.drop, "Unreachable"),
    "it is slow": (lambda _: httpserver.slow(2 * CALL_SECONDS), "TimedOut"),
    "401": (answered(401), "Unauthorized"),
    "403": (answered(403), "Forbidden"),
    "404 of a proxy": (answered(404, b"no such page"), "Unreadable"),
    "404 of a proxy in JSON": (answered(404, b'{"error_code": 404, "message": "no route"}'), "Unreadable"),
    "429": (answered(429, headers={"Retry-After": "60"}), "RateLimited"),
    "500": (answered(500), "ServerError"),
    "503": (answered(503), "ServerError"),
    "a page that asks to log in": (answered(200, b"<html>log in</html>"), "Unreadable"),
    "an answer that ends in its middle": (lambda proxy: proxy.break_off, "Unreadable"),
}
CALLS = {
    "at every call": "",
    "at the list of models": "registered-models/search",
    "at the list of versions": "model-versions/search",
    "at a model": "registered-models/get",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_loses_nothing_and_deletes_nothing(
    client: mlflow.MlflowClient, bench: Bench, proxy: httpserver.Proxy, fault: str, call: str
) -> None:
    before = bench.shown()
    client.delete_registered_model("other")
    client.set_registered_model_alias('it\'s "iris"', "champion", "2")
    failing, cause = FAULTS[fault]
    proxy.rule(httpserver.has_in_path(CALLS[call]), failing(proxy))
    try:
        bench.mirror.follow_all()
    except errors.ServerFailed as error:
        causes = {error.cause}
    else:
        assert bench.mirror.problems  # refused for each model by itself
        causes = {"Forbidden"}
    assert causes == {cause} or (fault.startswith("an answer") and causes <= {"Unreadable", "Unreachable"})
    assert {"other", "greeting"} <= bench.shown().keys()
    assert bench.shown()["greeting"] == before["greeting"]
    proxy.rules.clear()
    bench.mirror.follow_all()
    assert bench.shown() == bench.expected()


@pytest.mark.parametrize("call", CALLS)
def test_an_empty_answer_with_a_good_status_is_not_believed(
    client: mlflow.MlflowClient, bench: Bench, proxy: httpserver.Proxy, call: str
) -> None:
    before = bench.shown()
    proxy.rule(httpserver.has_in_path(CALLS[call]), httpserver.answer(200, b"{}"))
    bench.mirror._seen.clear()  # as after VERIFY_EVERY passes
    with contextlib.suppress(errors.ServerFailed):
        bench.mirror.follow_all()
    assert bench.shown() == before
    proxy.rules.clear()
    bench.mirror.follow_all()
    assert bench.shown() == before
    assert bench.mirror.problems == {}


def test_no_call_takes_minutes(client: mlflow.MlflowClient, bench: Bench, proxy: httpserver.Proxy) -> None:
    proxy.rule(httpserver.is_any, httpserver.answer(503, b"refused"))
    proxy.seen.clear()
    with pytest.raises(errors.ServerFailed):
        bench.mirror.follow_all()
    assert len(proxy.seen) == 1
