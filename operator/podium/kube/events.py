"""Events that a user reads beside an object (`kubectl events --for modelalias/…`).

The same news about the same object is one Event: its name is a hash of what it says, so that it is found again after a
restart too, and it counts how often it was said.
"""

import collections
import datetime
import logging
import platform
import time

from podium import errors, names
from podium.kube import client, resources
from podium.manifest import Manifest

NOTE_LIMIT = 1024
"""Bytes that the API server takes, which calls them characters."""
SERIES_SECONDS = 60.0
"""The same news is counted here and written at most once in this time."""
_REMEMBERED = 1_000
_CONTROLLER = f"{names.GROUP}/operator"
_ACTION = "Reconcile"
_log = logging.getLogger("podium.events")


class Recorder:
    """Writes Events (events.k8s.io/v1) as the process `instance`, by default the host's name, which is the pod's."""

    def __init__(self, api: client.Client, instance: str = "", *, series_seconds: float = SERIES_SECONDS) -> None:
        self._api, self._series_seconds = api, series_seconds
        self._instance = instance or platform.node() or names.FIELD_MANAGER
        self._said: collections.OrderedDict[str, tuple[float, int]] = collections.OrderedDict()

    async def record(self, regarding: Manifest, reason: str, message: str, *, warning: bool = False) -> None:
        """Say something about an object, of Podium's own group if it has no apiVersion. A failure is logged only."""
        event = self._build_event(regarding, reason, message, warning)
        name = event["metadata"]["name"]
        written, unwritten = self._said.get(name, (0.0, 0))
        count = unwritten + 1
        if written and time.monotonic() - written < self._series_seconds:
            self._remember_event(name, written, count)
            return
        try:
            await self._write_event(event, count)
        except errors.KubeError as error:
            _log.warning("Event %s about %s %s could not be written: %s", reason, regarding["kind"], name, error)
            return
        self._remember_event(name, time.monotonic(), 0)

    async def _write_event(self, event: Manifest, count: int) -> None:
        try:
            await self._api.create(event)
        except errors.KubeConflict:
            metadata = event["metadata"]
            known = await self._api.get(resources.EVENTS, metadata["namespace"], metadata["name"])
            before = (known.get("series") or {}).get("count", 1)
            series = {"count": before + count, "lastObservedTime": event["eventTime"]}
            await self._api.replace(known | {"series": series})

    def _remember_event(self, name: str, written: float, unwritten: int) -> None:
        self._said[name] = (written, unwritten)
        self._said.move_to_end(name)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)

    def _build_event(self, regarding: Manifest, reason: str, message: str, warning: bool) -> Manifest:
        metadata = regarding["metadata"]
        said = names.short_hash("\n".join((metadata["uid"], reason, message)), 16)
        return {
            "apiVersion": resources.EVENTS.api_version,
            "kind": resources.EVENTS.kind,
            "metadata": {"namespace": metadata["namespace"], "name": f"{metadata['name'][:230]}.{said}"},
            "eventTime": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance[:128],
            "action": _ACTION,
            "reason": reason,
            "note": _shorten_note(message),
            "type": "Warning" if warning else "Normal",
            "regarding": {
                "apiVersion": regarding.get("apiVersion", f"{names.GROUP}/{names.API_VERSION}"),
                "kind": regarding["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
        }


def _shorten_note(message: str) -> str:
    text, end = message.encode("utf-8", "replace"), "…"
    if len(text) > NOTE_LIMIT:
        text = text[: NOTE_LIMIT - len(end.encode())]
        return text.decode("utf-8", "ignore") + end
    return text.decode()
