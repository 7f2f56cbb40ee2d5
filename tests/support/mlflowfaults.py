"""Calls of MLflow's REST interface, each on a model of its own, and what each is to leave in the registry.

So many calls can be under way at once, and a fault of the API server can be aimed at one of them (see `Aim`).
"""

import collections.abc
import dataclasses
import time
import uuid
from typing import Any

import httpx
from aiohttp import web

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import keys
from tests.support import httpserver

JOE = entities.Actor("joe", "basic", True)
NEW = "-new"
"""What a call adds to the name of its model, where it makes another one or gives it another name."""
Versions = list[tuple[int, str, dict[str, str]]]
State = dict[str, tuple[dict[str, int], Versions, int]]
"""By what follows the model's name: aliases, versions (number, source, tags), number of moves in the history."""

_TWO: Versions = [(number, f"s3://b/{number}", {}) for number in (2, 1)]
BEFORE: State = {"": ({"champion": 1}, _TWO, 1)}


@dataclasses.dataclass(frozen=True)
class Call:
    """A call: by MLflow's client, and by REST. `after` is what it leaves."""

    run: collections.abc.Callable[[Any, str], object]
    method: str
    path: str
    values: collections.abc.Callable[[str], dict[str, str]]
    after: State = dataclasses.field(default_factory=lambda: BEFORE)
    is_repeatable: bool = True
    """Whether clients may repeat it that do not know whether it was carried out."""

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


def _named(name: str) -> dict[str, str]:
    return {"name": name}


def _first(name: str) -> dict[str, str]:
    return {"name": name, "version": "1"}


CALLS = {
    "get a model": Call(lambda c, n: c.get_registered_model(n), "GET", "registered-models/get", _named),
    "get by alias": Call(
        lambda c, n: c.get_model_version_by_alias(n, "champion"),
        *("GET", "registered-models/alias", lambda n: {"name": n, "alias": "champion"}),
    ),
    "search models": Call(
        lambda c, n: c.search_registered_models(f"name LIKE '{n}%'"),
        *("GET", "registered-models/search", lambda n: {"filter": f"name LIKE '{n}%'"}),
    ),
    "search versions": Call(
        lambda c, n: c.search_model_versions(f"name = '{n}'"),
        *("GET", "model-versions/search", lambda n: {"filter": f"name = '{n}'"}),
    ),
    "create a model": Call(
        lambda c, n: c.create_registered_model(n + NEW),
        *("POST", "registered-models/create", lambda n: {"name": n + NEW}),
        after=BEFORE | {NEW: ({}, [], 0)},
    ),
    "create a version": Call(
        lambda c, n: c.create_model_version(n, "s3://b/3"),
        *("POST", "model-versions/create", lambda n: {"name": n, "source": "s3://b/3"}),
        after={"": ({"champion": 1}, [(3, "s3://b/3", {}), *_TWO], 1)},
        is_repeatable=False,
    ),
    "set an alias": Call(
        lambda c, n: c.set_registered_model_alias(n, "champion", "2"),
        *("POST", "registered-models/alias", lambda n: {"name": n, "alias": "champion", "version": "2"}),
        after={"": ({"champion": 2}, _TWO, 2)},
    ),
    "set a tag": Call(
        lambda c, n: c.set_model_version_tag(n, "1", "a", "b"),
        *("POST", "model-versions/set-tag", lambda n: _first(n) | {"key": "a", "value": "b"}),
        after={"": ({"champion": 1}, [_TWO[0], (1, "s3://b/1", {"a": "b"})], 1)},
    ),
    "delete a version": Call(
        lambda c, n: c.delete_model_version(n, "1"),
        *("DELETE", "model-versions/delete", _first),
        after={"": ({}, _TWO[:1], 2)},
    ),
    "rename": Call(
        lambda c, n: c.rename_registered_model(n, n + NEW),
        *("POST", "registered-models/rename", lambda n: {"name": n, "new_name": n + NEW}),
        after={NEW: BEFORE[""]},
        is_repeatable=False,
    ),
    "delete a model": Call(
        lambda c, n: c.delete_registered_model(n), "DELETE", "registered-models/delete", _named, after={}
    ),
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """A call with the model that it is about."""

    what: str
    name: str
    uid: str

    @property
    def call(self) -> Call:
        """The call."""
        return CALLS[self.what]

    @property
    def marks(self) -> tuple[str, ...]:
        """One of these stands in every request to the API server that is made for this call."""
        return self.uid, self.name, keys.claim_name(self.name), keys.claim_name(self.name + NEW)


def subject(registry: store.Registry, what: str) -> Subject:
    """Makes the model that a call is about."""
    name = f"model-{uuid.uuid4().hex[:12]}"
    uid = registry.models.create(name).uid
    for number in (1, 2):
        registry.versions.create(name, source=f"s3://b/{number}")
    registry.aliases.set(name, "champion", 1, JOE)
    return Subject(what, name, uid)


def state(registry: store.Registry, name: str) -> State:
    """What is there of a call's model."""
    found: State = {}
    for end in ("", NEW):
        try:
            head = registry.models.fresh(name + end)
        except errors.NotFound:
            continue
        versions = [(each.number, each.source, dict(each.tags)) for each in registry.versions.list(name + end)]
        found[end] = dict(head.aliases), versions, len(registry.aliases.history(name + end))
    return found


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a tracking server answered to a call, and after how long."""

    status: int
    code: str
    message: str
    seconds: float


def rest(url: str, subject: Subject) -> Outcome:
    """The call by REST, once."""
    call, begun = subject.call, time.monotonic()
    values = call.values(subject.name)
    given: dict[str, Any] = {"json": values} if call.is_write else {"params": values}
    answer = httpx.request(call.method, f"{url}/api/2.0/mlflow/{call.path}", timeout=60, **given)
    told = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
    text = str(told.get("message", "" if answer.is_success else answer.text))
    return Outcome(answer.status_code, str(told.get("error_code", "")), text, time.monotonic() - begun)


def is_write(request: web.Request) -> bool:
    """Whether a request to the API server is to change something."""
    return request.method in ("POST", "PUT", "DELETE")


class Aim:
    """An act of the proxy: each request meets the fault that is aimed at its model; those of other models pass."""

    def __init__(self) -> None:
        self._acts: dict[str, httpserver.Act] = {}

    def at(self, subject: Subject, act: httpserver.Act) -> None:
        """From now on."""
        self._acts |= dict.fromkeys(subject.marks, act)

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        text = f"{request.path} {request.query_string} {(await request.read()).decode()}"
        act = next((act for mark, act in self._acts.items() if mark in text), None)
        if act is None:
            return None
        if request.method == "POST":
            self._acts[(await request.json())["metadata"]["name"]] = act  # a new model's uid
        return await act(request)


class Once:
    """An act of the proxy: the fault meets the first request of each sort about each object, and no other."""

    def __init__(self, matches: httpserver.Matches, act: httpserver.Act) -> None:
        self._matches, self._act = matches, act
        self._met: set[tuple[str, ...]] = set()

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        name = (await request.json())["metadata"]["name"] if request.method == "POST" else ""
        sort = (request.method, request.path, request.query_string, name)
        if sort in self._met or not self._matches(request):
            return None
        self._met.add(sort)
        return await self._act(request)
