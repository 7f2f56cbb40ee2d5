"""Board: where the mirror writes what it says of itself, for `kubectl get configmap podium-mirror` and for Events."""

import datetime
import logging

from podium import errors, names
from podium.kube import client, events, resources
from podium.manifest import Manifest
from podium.registry.storage import mirror_mark
from podium.sync import status

REFRESH_SECONDS = 60.0
"""How old `lastSuccess` may become while nothing else changes."""
_log = logging.getLogger("podium.sync")


class Board:
    """The ConfigMap `podium-mirror` of a namespace; one writer at a time."""

    def __init__(self, api: client.Client, namespace: str, recorder: events.Recorder) -> None:
        self._api, self._namespace, self._recorder = api, namespace, recorder

    async def claim(self, address: str, former: str) -> None:
        """Mark the registry as a mirror of this server. Raises Mirrored when it is one of another's, and KubeError."""
        manifest = await self._read()
        if manifest is None:
            await self._api.create(self._manifest({mirror_mark.ADDRESS: address}))
            return
        known = (manifest.get("data") or {}).get(mirror_mark.ADDRESS, "")
        if known not in ("", address, former):
            raise errors.Mirrored(
                f"the registry of namespace {self._namespace!r} is a mirror of {known}, and this one is told to read "
                f"{address}: if that is the same server under a new address, set PODIUM_SYNC_FORMER_ADDRESS={known} "
                "(chart: sync.formerAddress); else give it a namespace of its own"
            )
        if known != address:
            data = {**(manifest.get("data") or {}), mirror_mark.ADDRESS: address}
            await self._api.replace(manifest | {"data": data})

    async def publish(self, state: status.State) -> None:
        """Write what changed; an Event says when Ready does. A failure is logged, and the next call tries again."""
        try:
            await self._publish(state)
        except errors.KubeError as error:
            _log.warning("the ConfigMap %s is not written: %s", mirror_mark.NAME, error)

    async def _publish(self, state: status.State) -> None:
        now = datetime.datetime.now(datetime.UTC)
        manifest = await self._read()
        before = (manifest or {}).get("data") or {}
        after = status.data(state, before, now)
        if manifest is not None and _is_fresh(before, after):
            return
        if manifest is None:
            written = await self._api.create(self._manifest(after))
        else:
            written = await self._api.replace(manifest | {"data": after})
        old, new = status.condition(before, names.READY), status.condition(after, names.READY)
        if new and (old is None or (old["status"], old.get("reason")) != (new["status"], new["reason"])):
            about = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": written["metadata"]}
            is_bad = new["status"] == "False"
            await self._recorder.record(about, new["reason"], new["message"], warning=is_bad)

    async def _read(self) -> Manifest | None:
        try:
            return await self._api.get(resources.CONFIG_MAPS, self._namespace, mirror_mark.NAME)
        except errors.KubeNotFound:
            return None

    def _manifest(self, data: dict[str, str]) -> Manifest:
        labels = dict(mirror_mark.mark("").labels)
        metadata = {"namespace": self._namespace, "name": mirror_mark.NAME, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _is_fresh(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether what is written says the same, but for a time that is not old yet."""
    if {**before, status.LAST_SUCCESS: ""} != {**after, status.LAST_SUCCESS: ""}:
        return False
    times = [data.get(status.LAST_SUCCESS) for data in (before, after)]
    if times[0] is None or times[1] is None:
        return times[0] == times[1]
    written, seen = (datetime.datetime.fromisoformat(text) for text in times if text)
    return (seen - written).total_seconds() < REFRESH_SECONDS
