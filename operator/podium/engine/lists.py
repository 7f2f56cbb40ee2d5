"""Lists of the two kinds: one before anything is decided, and later ones that find what Kopf's watches have missed."""

import asyncio
import contextlib
import logging

from podium import errors
from podium.engine import watches
from podium.kube import client, resources
from podium.manifest import Manifest
from podium.settings import Settings

PRIME_SECONDS = 2.0
"""How long to wait before the two kinds are listed again, when they could not be."""
_log = logging.getLogger("podium.lists")


class Lister:
    """Compares the two kinds as the API server has them with the caches, and mends these."""

    def __init__(self, api: client.Client, settings: Settings, observer: watches.Observer) -> None:
        self._api, self._seen, self._observer = api, observer.seen, observer
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._failure: str | None = None

    async def prime(self) -> None:
        """List the two kinds, so that no decision is made before all that may contradict it is known.

        Waits for their CRDs. Kopf lists them again when it begins to watch.
        """
        for resource in resources.OWN_KINDS.values():
            while not await self._try_list(resource):  # noqa: ASYNC110 -- what is awaited is on the API server
                await asyncio.sleep(PRIME_SECONDS)

    async def catch_up(self) -> None:
        """Find what Kopf's watches have missed: objects that are gone, new or newer. Raises KubeError."""
        for resource in resources.OWN_KINDS.values():
            known = self._seen.kinds.objects(resource.kind)
            listed: list[Manifest] = []
            for where in self._namespaces:
                listed += [each["metadata"] for each in await self._api.list_metadata(resource, where)]
            self._forget_missing(known, listed)
            await self._take_news(resource, listed)
        self._seen.registries.forget_settled_predecessors()

    def failures(self) -> list[str]:
        """Why `prime` still waits, in the API server's words: what an administrator has to mend."""
        return [self._failure] if self._failure else []

    async def _try_list(self, resource: resources.Resource) -> bool:
        try:
            for where in self._namespaces:
                for obj in (await self._api.list(resource, where))[0]:
                    self._seen.kinds.observe(obj)
        except errors.KubeError as error:
            advice = ": are the CRDs installed?" if isinstance(error, errors.KubeNotFound) else ""
            failure = f"cannot list {resource.plural} yet{advice} ({error})"
            _log.log(logging.DEBUG if failure == self._failure else logging.WARNING, "%s", failure)
            self._failure = failure
            return False
        self._failure = None
        return True

    def _forget_missing(self, known: list[Manifest], listed: list[Manifest]) -> None:
        there = {metadata["uid"] for metadata in listed}
        for obj in known:
            if obj["metadata"]["uid"] not in there:
                self._observer.forget(obj)

    async def _take_news(self, resource: resources.Resource, listed: list[Manifest]) -> None:
        for metadata in listed:
            if self._seen.kinds.is_news(resource.kind, metadata):
                with contextlib.suppress(errors.KubeNotFound):
                    self._observer.observe(await self._api.get(resource, metadata["namespace"], metadata["name"]))
