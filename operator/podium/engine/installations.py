"""Installations: where two would serve the same objects, one leaves them to the other, and says so.

The processes of one installation share a Lease; those of another have their own. Whoever works on an object writes into
its status whose it is: the mark, namespace and name of the Lease. An installation that finds another one's mark looks
at that Lease. While it is renewed, the object is left alone: Event, log and metric name both. Where it is gone,
given back, or not renewed for its duration, the other installation is no more, and the object is taken over without a
word: so an installation that was renamed or moved is followed by its successor.

Every installation lets all service accounts read its Lease (the chart's Role for that goes with it), so that one that
may not be read is gone too. Times of other machines are never compared: a Lease that changes is renewed.
"""

import asyncio
import collections.abc
import dataclasses
import enum
import logging

from podium import errors, names
from podium.engine import kinds
from podium.kube import client, events, lease, resources
from podium.manifest import Manifest

LOOK_SECONDS = 2.5
"""How often the Lease of another installation is read at most; its holder renews it every two seconds."""
RECHECK_SECONDS = 30.0
"""How often an object of another installation's is looked at again."""
RETELL_SECONDS = 1800.0
_log = logging.getLogger("podium.installations")


class State(enum.Enum):
    """What is known of another installation."""

    UNKNOWN = enum.auto()
    """Its Lease is held, and was not seen to be renewed yet."""
    ALIVE = enum.auto()
    GONE = enum.auto()


@dataclasses.dataclass
class _Other:
    version: str
    changed_at: float
    looked_at: float
    state: State = State.UNKNOWN


class Installations:
    """`mine` is our own mark. `on_contested` is told how many objects are left to others."""

    def __init__(
        self,
        api: client.Client,
        mine: str,
        known: kinds.Kinds,
        recorder: events.Recorder,
        on_contested: collections.abc.Callable[[int], None],
    ) -> None:
        self._api, self._mine, self._kinds, self._recorder = api, mine, known, recorder
        self._on_contested = on_contested
        self._others: dict[str, _Other] = {}
        self._contested: dict[tuple[str, resources.Key], float] = {}
        """Objects that are left to another installation, and when that was told last."""

    async def find_delay(self, kind: str, key: resources.Key) -> float | None:
        """Seconds after which to look again at an object that is left to another installation; None: it is ours.

        Raises KubeError.
        """
        obj = self._kinds.get(kind, key)
        mark = self._find_mark(obj) if obj else ""
        state = State.GONE if mark in ("", self._mine) else await self._look_at(mark)
        if obj is None or state is State.GONE:
            if self._contested.pop((kind, key), None) is not None:
                self._on_contested(len(self._contested))
            return None
        if state is State.UNKNOWN:
            return LOOK_SECONDS
        await self._tell(kind, key, obj, mark)
        return RECHECK_SECONDS

    def _find_mark(self, obj: Manifest) -> str:
        """That of the object; a revision is whose its ModelAlias is."""
        alias = kinds.alias_of(obj) if obj["kind"] == names.MODEL_VERSION_KIND else None
        owner = self._kinds.get(names.MODEL_ALIAS_KIND, (obj["metadata"]["namespace"], alias)) if alias else None
        mark: str = (owner or obj).get("status", {}).get("operator", "")
        return mark

    async def _look_at(self, mark: str) -> State:
        now, known = asyncio.get_running_loop().time(), self._others.get(mark)
        if known and now - known.looked_at < LOOK_SECONDS:
            return known.state
        namespace, _, name = mark.partition("/")
        try:
            found = await self._api.get(resources.LEASES, namespace, name) if name else {}
        except (errors.KubeNotFound, errors.KubeForbidden):
            found = {}
        if not (found.get("spec") or {}).get("holderIdentity"):
            return self._note_gone(mark, "", now)
        version = found["metadata"]["resourceVersion"]
        if known is None or not known.version:
            self._others[mark] = _Other(version, now, now)
        elif version != known.version:
            self._others[mark] = _Other(version, now, now, State.ALIVE)
        else:
            known.looked_at = now
            if now - known.changed_at >= (found["spec"].get("leaseDurationSeconds") or lease.DURATION_SECONDS):
                return self._note_gone(mark, version, now)
        return self._others[mark].state

    def _note_gone(self, mark: str, version: str, now: float) -> State:
        """`version`: of its Lease, where that is there and has run out; it is alive again when that changes."""
        known = self._others.get(mark)
        if known is None or known.state is not State.GONE:
            _log.info("the installation %s is no more: %s takes over what it looked after", mark, self._mine)
        changed_at = known.changed_at if known and version else now
        self._others[mark] = _Other(version, changed_at, now, State.GONE)
        return State.GONE

    async def _tell(self, kind: str, key: resources.Key, obj: Manifest, mark: str) -> None:
        now, told_at = asyncio.get_running_loop().time(), self._contested.get((kind, key))
        if told_at is not None and now - told_at < RETELL_SECONDS:
            return
        self._contested[kind, key] = now
        self._on_contested(len(self._contested))
        message = (
            f"two installations of Podium would serve this {kind}: {mark} does, and {self._mine} leaves it alone. Let "
            "only one of them watch this namespace (the chart's value watchNamespaces), or uninstall one"
        )
        _log.warning("%s/%s: %s", *key, message)
        await self._recorder.record(obj, names.CONTESTED, message, warning=True)
