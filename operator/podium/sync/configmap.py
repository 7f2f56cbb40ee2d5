"""The ConfigMap `podium-mirror`, in which the mirror shows its state, and the Events about it.

The same ConfigMap marks the registry as a mirror, so that nobody else writes models there.
"""

import datetime
import logging

from podium import errors, names
from podium.kube import client, events, resources
from podium.manifest import Manifest
from podium.registry.storage import mirror_mark
from podium.sync import status

REFRESH_SECONDS = 60.0
"""How old the written `lastSuccess` may be while nothing else changes."""
_log = logging.getLogger("podium.sync")


class MirrorConfigMap:
    """The ConfigMap `podium-mirror` of a namespace; one writer at a time."""

    def __init__(self, api: client.Client, namespace: str, recorder: events.Recorder) -> None:
        self._api, self._namespace, self._recorder = api, namespace, recorder

    async def claim(self, address: str, former: str) -> None:
        """Mark the registry as a mirror of this server. Raises Mirrored if it mirrors another server, and KubeError."""
        manifest = await self._read_configmap()
        if manifest is None:
            await self._api.create(self._build_manifest({mirror_mark.ADDRESS: address}))
            return
        known = (manifest.get("data") or {}).get(mirror_mark.ADDRESS, "")
        if known not in ("", address, former):
            raise errors.Mirrored(
                f"the registry of namespace {self._namespace!r} is a mirror of {known}, but this mirror is told to "
                f"read {address}: if that is the same server under a new address, set "
                f"PODIUM_SYNC_FORMER_ADDRESS={known} (chart: sync.formerAddress); else choose another namespace for it"
            )
        if known != address:
            data = {**(manifest.get("data") or {}), mirror_mark.ADDRESS: address}
            await self._api.replace(manifest | {"data": data})

    async def publish(self, state: status.State) -> None:
        """Write the state if it changed, with an Event if Ready did. A failure is logged; the next call tries again."""
        try:
            await self._write_state(state)
        except errors.KubeError as error:
            _log.warning("the ConfigMap %s could not be written: %s", mirror_mark.NAME, error)

    async def _write_state(self, state: status.State) -> None:
        now = datetime.datetime.now(datetime.UTC)
        manifest = await self._read_configmap()
        before = (manifest or {}).get("data") or {}
        after = status.data(state, before, now)
        if manifest is not None and _is_fresh(before, after):
            return
        if manifest is None:
            written = await self._api.create(self._build_manifest(after))
        else:
            written = await self._api.replace(manifest | {"data": after})
        old, new = status.condition(before, names.READY), status.condition(after, names.READY)
        if new and (old is None or (old["status"], old.get("reason")) != (new["status"], new["reason"])):
            involved = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": written["metadata"]}
            is_bad = new["status"] == "False"
            await self._recorder.record(involved, new["reason"], new["message"], warning=is_bad)

    async def _read_configmap(self) -> Manifest | None:
        try:
            return await self._api.get(resources.CONFIG_MAPS, self._namespace, mirror_mark.NAME)
        except errors.KubeNotFound:
            return None

    def _build_manifest(self, data: dict[str, str]) -> Manifest:
        labels = dict(mirror_mark.mark("").labels)
        metadata = {"namespace": self._namespace, "name": mirror_mark.NAME, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _is_fresh(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether the written data are equal, apart from a `lastSuccess` that is not older than REFRESH_SECONDS."""
    if {**before, status.LAST_SUCCESS: ""} != {**after, status.LAST_SUCCESS: ""}:
        return False
    times = [data.get(status.LAST_SUCCESS) for data in (before, after)]
    if times[0] is None or times[1] is None:
        return times[0] == times[1]
    written, seen = (datetime.datetime.fromisoformat(text) for text in times if text)
    return (seen - written).total_seconds() < REFRESH_SECONDS
