"""A write whose answer was lost happens once: at the backend on the API server, and through the Registry."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from podium import errors
from podium.kube import answers, listwatch
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.model import entities
from podium.registry.protocol import writers
from podium.registry.storage import backend, keys, memory
from tests.unit.registry import factories

JOE = factories.JOE
RECORD = backend.Record("a", {"l": "v"}, {"k": "1"})
DIGEST = "sha256:" + "0a" * 32
LOST = errors.KubeUnavailable(0, "Unreachable", "connection reset")
UNSENT = errors.KubeUnavailable(0, "Unreachable", "connection refused", is_untaken=True)


class FakeSession:
    """The API server's answers for ConfigMaps, and failures before or after a call is taken.

    `failures` are consumed one a call: None lets it pass, an error is raised instead; with (error, True) the call is
    taken first, and with (error, function) something else happens then.
    """

    def __init__(self, *failures: Any) -> None:
        self.store = memory.MemoryBackend()
        self.failures = list(failures)
        self.calls: list[str] = []

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        self.calls.append(method)
        failure = self.failures.pop(0) if self.failures else None
        error, then = failure if isinstance(failure, tuple) else (failure, None)
        if error and not then:
            raise error
        answer = self._answer(method, path, options.get("body"), options.get("query"))
        if callable(then):
            then(self.store)
        if error:
            raise error
        return answer

    def request_all(self, paths: Iterable[str], **options: Any) -> list[dict[str, Any] | errors.KubeError]:
        return [self._caught(path) for path in paths]

    def pages(self, path: str, *, labels: str, **_: Any) -> Iterator[listwatch.Page]:
        yield listwatch.Page(self.request("GET", path, query={"labelSelector": labels})["items"], "1", "")

    def _caught(self, path: str) -> dict[str, Any] | errors.KubeError:
        try:
            return self.request("GET", path)
        except errors.KubeError as error:
            return error

    def _answer(self, method: str, path: str, body: Any, query: Mapping[str, str] | None) -> dict[str, Any]:
        name = path.rsplit("/configmaps", 1)[1].lstrip("/")
        try:
            if method == "POST":
                return manifest(self.store.create(record(body)))
            if method == "PUT":
                return manifest(self.store.replace(record(body)))
            if method == "DELETE":
                self.store.delete(name, body["preconditions"]["resourceVersion"])
                return {}
        except (errors.AlreadyExists, backend.Stale) as error:
            reason = "AlreadyExists" if method == "POST" else "Conflict"
            raise errors.KubeConflict(409, reason, str(error)) from error
        if not name:
            labels = dict(pair.split("=") for pair in (query or {})["labelSelector"].split(","))
            return {"items": [manifest(found) for found in self.store.list(labels)]}
        if found := self.store.get(name):
            return manifest(found)
        raise errors.KubeNotFound(404, "NotFound", name)


def manifest(found: backend.Record) -> dict[str, Any]:
    metadata = {"name": found.name, "labels": dict(found.labels), "resourceVersion": found.resource_version}
    return {"metadata": metadata, "data": dict(found.data)}


def record(body: dict[str, Any]) -> backend.Record:
    metadata = body["metadata"]
    return backend.Record(metadata["name"], metadata["labels"], body["data"], metadata.get("resourceVersion", ""))


def opened(session: Any, deadline_seconds: float = 5.0) -> configmaps.ConfigMapBackend:
    return configmaps.ConfigMapBackend(session, "models", deadline_seconds=deadline_seconds)


def changed(found: backend.Record, value: str) -> backend.Record:
    return backend.Record(found.name, found.labels, {"k": value}, found.resource_version)


def test_a_creation_that_was_taken_without_an_answer_succeeds() -> None:
    session = FakeSession((LOST, True))
    assert opened(session).create(RECORD).data == {"k": "1"}
    assert session.calls == ["POST", "POST", "GET"]


QUOTA = errors.KubeConflict(409, "Conflict", 'Operation cannot be fulfilled on resourcequotas "all"')
"""How the API server refuses a creation while too many others count against the same ResourceQuota."""


def test_a_creation_for_which_a_quota_is_contended_is_made_again() -> None:
    session = FakeSession(QUOTA, QUOTA)
    assert opened(session).create(RECORD).data == {"k": "1"}
    assert session.calls == ["POST", "POST", "POST"]


def test_a_quota_that_stays_contended_is_no_name_that_is_taken() -> None:
    with pytest.raises(errors.Unavailable, match=r"did not create .* on resourcequotas") as caught:
        opened(FakeSession(*[QUOTA] * 50), deadline_seconds=0.2).create(RECORD)
    assert "may have taken effect" not in str(caught.value)


def test_a_creation_without_an_answer_whose_name_was_taken_by_another_fails() -> None:
    session = FakeSession(LOST)
    session.store.create(backend.Record("a", {}, {"k": "other"}))
    with pytest.raises(errors.AlreadyExists):
        opened(session).create(RECORD)


def test_a_swap_that_was_taken_without_an_answer_succeeds() -> None:
    session = FakeSession(None, (LOST, True))
    configs = opened(session)
    first = configs.create(RECORD)
    assert configs.replace(changed(first, "2")).data == {"k": "2"}
    assert session.calls == ["POST", "PUT", "PUT", "GET"]


def test_a_swap_that_was_never_sent_is_sent_again() -> None:
    session = FakeSession(None, UNSENT)
    configs = opened(session)
    assert configs.replace(changed(configs.create(RECORD), "2")).data == {"k": "2"}
    assert session.calls == ["POST", "PUT", "PUT"]


def test_a_swap_that_lost_surely_says_so() -> None:
    session = FakeSession(None, UNSENT)
    configs = opened(session)
    first = configs.create(RECORD)
    session.store.replace(changed(first, "other"))
    with pytest.raises(backend.Stale) as caught:
        configs.replace(changed(first, "2"))
    assert caught.value.is_sure


def test_a_swap_without_an_answer_that_others_followed_is_not_called_lost() -> None:
    def follow(records: memory.MemoryBackend) -> None:
        found = records.get("a")
        assert found
        records.replace(changed(found, "3"))

    configs = opened(FakeSession(None, (LOST, follow)))
    first = configs.create(RECORD)
    with pytest.raises(backend.Stale) as caught:
        configs.replace(changed(first, "2"))
    assert not caught.value.is_sure


def test_a_deletion_that_was_taken_without_an_answer_succeeds() -> None:
    configs = opened(FakeSession(None, (LOST, True)))
    first = configs.create(RECORD)
    assert configs.delete("a", first.resource_version) is None
    assert configs.get("a") is None


def test_reads_are_repeated() -> None:
    session = FakeSession(None, LOST, LOST, None, LOST)
    configs = opened(session)
    first = configs.create(RECORD)
    assert configs.get("a") == first
    assert configs.list({"l": "v"}) == [first]


def test_a_try_without_an_answer_leaves_time_for_another_one() -> None:
    given: list[float] = []

    class Silent(FakeSession):
        def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
            given.append(options["seconds"])
            return super().request(method, path, **options)

    configs = opened(Silent(), deadline_seconds=10.0)
    first = configs.create(RECORD)
    configs.replace(changed(first, "2"))
    configs.get("a")
    assert max(given) <= 5


def test_the_servers_wish_to_wait_is_followed() -> None:
    busy = errors.KubeUnavailable(429, "TooManyRequests", "slow down", retry_after=60.0, is_untaken=True)
    session = FakeSession(busy)
    with pytest.raises(errors.Unavailable, match="slow down"):
        opened(session).get("a")
    assert session.calls == ["GET"]


def test_a_deadline_ends_the_tries_and_says_what_is_in_doubt() -> None:
    configs = opened(FakeSession(*[LOST] * 50), deadline_seconds=0.2)
    with pytest.raises(errors.Unavailable, match=r"did not create .*'models' within 0.2 .*read before you try again"):
        configs.create(RECORD)


REFUSALS: dict[str, tuple[errors.KubeError, type[errors.RegistryError], str]] = {
    "not allowed": (
        errors.KubeForbidden(403, "Forbidden", "User x cannot"),
        errors.Forbidden,
        "grant the verb 'get' on resource 'configmaps' in namespace 'models'",
    ),
    "unknown credentials": (answers.build_refusal(401, b"Unauthorized"), errors.Forbidden, "these credentials"),
    "too large": (errors.KubeInvalid(422, "Invalid", "Too long: must have at most"), errors.TooLarge, "Too long"),
    "a request too large": (errors.KubeInvalid(413, "", "limit is 3145728"), errors.TooLarge, "3145728"),
    "invalid": (errors.KubeInvalid(422, "Invalid", "field is immutable"), errors.InvalidInput, "immutable"),
}


@pytest.mark.parametrize(("answer", "kind", "text"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_raised_at_once_as_the_registrys_own_error(
    answer: errors.KubeError, kind: type[errors.RegistryError], text: str
) -> None:
    session = FakeSession(answer)
    with pytest.raises(kind, match=text):
        opened(session).get("a")
    assert session.calls == ["GET"]


def test_a_namespace_that_is_missing_is_named() -> None:
    session = FakeSession(errors.KubeNotFound(404, "NotFound", 'namespaces "models" not found'))
    with pytest.raises(errors.InvalidInput, match="kubectl create namespace models"):
        opened(session).create(RECORD)


OPERATIONS: dict[str, Callable[[store.Registry], object]] = {
    "set an alias": lambda r: r.aliases.set("iris", "champion", 2, JOE),
    "delete an alias": lambda r: r.aliases.delete("iris", "champion", JOE),
    "delete a version": lambda r: r.versions.delete("iris", 1, JOE),
    "create a version": lambda r: r.versions.create("iris", source="s3://models/new"),
    "pin": lambda r: r.serving.pin(r.models.fresh("iris").uid, "champion", 2, entities.Pin("u", "n", "a"), JOE),
    "create a model": lambda r: r.models.create("new"),
    "rename a model": lambda r: r.models.rename("iris", "lily"),
    "rename it to itself": lambda r: r.models.rename("iris", "iris"),
    "move a version into a stage": lambda r: r.versions.transition_stage("iris", 1, "Staging", archive_existing=True),
    "decide about a version": lambda r: r.versions.decide("iris", 1, entities.Approval("approved", 1, JOE)),
    "record a digest": lambda r: r.versions.record_digest(r.models.fresh("iris").uid, 1, "s3://models/1", DIGEST),
    "delete a model": lambda r: r.models.delete("iris"),
}


@pytest.mark.parametrize("is_followed", [False, True], ids=["nobody follows", "another writer follows"])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_whose_every_answer_is_lost_has_the_effect_of_one(
    operation: Callable[[store.Registry], object], is_followed: bool
) -> None:
    calm, rough = prepared(FakeSession()), prepared(FakeSession())
    operation(calm)
    before = rough_session(rough)
    before.failures = _Losing(before, is_followed)  # type: ignore[assignment] -- a list that never ends
    operation(rough)
    before.failures = []
    assert facts(rough) == facts(calm)


class _Losing:
    """Failures without end: each write is taken and its answer lost, and perhaps another one follows; reads pass."""

    def __init__(self, session: FakeSession, is_followed: bool) -> None:
        self._session, self._is_followed, self._is_lost = session, is_followed, False

    def __bool__(self) -> bool:
        return True

    def pop(self, _: int) -> Any:
        if self._session.calls[-1] == "GET":
            return None
        self._is_lost = not self._is_lost
        return (LOST, self._follow if self._is_followed else True) if self._is_lost else None

    def _follow(self, records: memory.MemoryBackend) -> None:
        names = [head.name for head in store.Registry(records).models.list()]
        if "iris" in names:
            store.Registry(records).models.set_tag("iris", "follower", str(len(self._session.calls)))
            store.Registry(records).versions.set_tag("iris", 2, "follower", str(len(self._session.calls)))


def prepared(session: FakeSession) -> store.Registry:
    registry = store.Registry(opened(session), clock=factories.Clock())
    registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://models/{number}")
    registry.aliases.set("iris", "champion", 1, JOE)
    registry.versions.transition_stage("iris", 2, "Staging")
    return registry


def rough_session(registry: store.Registry) -> Any:
    return registry.records._session  # type: ignore[attr-defined] -- the fake that was put in


def facts(registry: store.Registry) -> object:
    return [
        (
            head.name,
            head.last_version,
            head.aliases,
            [
                (version.source, version.stage, version.approvals, version.digest)
                for version in registry.versions.list(head.name)
            ],
            head.stagings,
            [
                (move.sequence, move.alias, move.from_version, move.to_version)
                for move in registry.aliases.history(head.name)
            ],
        )
        for head in registry.models.list()
    ]


def test_a_lost_answer_that_too_many_writes_followed_is_admitted() -> None:
    session = FakeSession()
    registry = prepared(session)

    def follow(records: memory.MemoryBackend) -> None:
        other = store.Registry(records)
        for count in range(writers.WRITES_KEPT + 1):
            other.models.set_tag("iris", "follower", str(count))

    session.failures = [None, None, (LOST, follow)]
    with pytest.raises(errors.Unavailable, match="read before you try again"):
        registry.aliases.set("iris", "champion", 2, JOE)
    assert len(registry.aliases.history("iris")) == 2


def test_writers_that_keep_losing_give_up_at_their_deadline() -> None:
    class Restless(memory.MemoryBackend):
        """Another writer is always faster."""

        def replace(self, record: backend.Record) -> backend.Record:
            raise backend.Stale(record.name)

    registry = store.Registry(Restless(), deadline_seconds=0.1)
    registry.models.create("iris")
    with pytest.raises(errors.Conflict, match="too many writers"):
        registry.models.set_tag("iris", "a", "b")
    with pytest.raises(errors.Conflict):
        registry.versions.create("iris", source="s3://models/1")
    assert [found.name for found in registry.records.list(keys.of_kind(keys.VERSION))] == []
