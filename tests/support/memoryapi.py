"""The API server in memory, with the calls of podium.kube.client: single objects, compare-and-swap, what was called.

That it answers as the real one does is held by tests/contract/test_kube_client.py.
"""

import asyncio
import copy

from podium import errors
from podium.kube import resources
from podium.manifest import Manifest

Manifests = list[Manifest]


class MemoryApi:
    """`objects` by kind, namespace and name. What `refusal` and `write_refusal` hold is raised by calls and writes."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Manifest] = {}
        self.refusal: errors.KubeError | None = None
        self.write_refusal: errors.KubeError | None = None
        self.gets = 0
        self.writes: list[tuple[str, str]] = []
        """What was asked, such as "apply Service iris", and the resourceVersion, uid or reason that came with it."""
        self.applied: Manifests = []
        self._version = 1_000

    def put(self, obj: Manifest) -> Manifest:
        """Have this object, as it is: somebody else wrote it."""
        self.objects[_key(obj)] = copy.deepcopy(obj)
        return obj

    async def get(self, resource: resources.Resource, namespace: str, name: str) -> Manifest:
        """Raises KubeNotFound."""
        self.gets += 1
        await self._begin()
        return copy.deepcopy(self._find((resource.kind, namespace, name)))

    async def list(self, resource: resources.Resource, namespace: str | None = None) -> tuple[Manifests, str]:
        """The objects of a kind, and the version of the list."""
        await self._begin()
        found = [
            each for (kind, its, _), each in self.objects.items() if kind == resource.kind and namespace in (None, its)
        ]
        return copy.deepcopy(found), str(self._version)

    async def list_metadata(self, resource: resources.Resource, namespace: str | None = None) -> Manifests:
        """The metadata of the objects of a kind."""
        return [{"metadata": each["metadata"]} for each in (await self.list(resource, namespace))[0]]

    async def create(self, manifest: Manifest) -> Manifest:
        """Raises KubeConflict where the name is taken."""
        self.writes.append((f"create {manifest['kind']}", manifest.get("reason", "")))
        await self._begin_write()
        if _key(manifest) in self.objects:
            raise errors.KubeConflict(409, "AlreadyExists", f"{manifest['metadata']['name']} already exists")
        return self._store(manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Raises KubeConflict where the resourceVersion is not the one that is there."""
        version = manifest["metadata"].get("resourceVersion", "")
        self.writes.append((_describe("replace", manifest), version))
        await self._begin_write()
        _compare(self._find(_key(manifest)), version)
        return self._store(manifest)

    async def apply(self, manifest: Manifest, *, subresource: str = "", resource_version: str = "") -> Manifest:
        """Makes the object, or sets these fields of it, whole at the top level; raises KubeConflict as `replace`."""
        self.writes.append((_describe("apply", manifest, subresource), resource_version))
        self.applied.append(manifest)
        await self._begin_write()
        known = self.objects.get(_key(manifest), {"metadata": {}})
        _compare(known, resource_version)
        return self._store(known | manifest | {"metadata": known["metadata"] | manifest["metadata"]})

    async def delete(
        self, resource: resources.Resource, namespace: str, name: str, *, uid: str = "", resource_version: str = ""
    ) -> None:
        """Deletes the object with this uid; success where it is not there. Raises KubeConflict as `replace`."""
        self.writes.append((f"delete {resource.kind} {name}", uid or resource_version))
        await self._begin_write()
        known = self.objects.get((resource.kind, namespace, name))
        if known is not None:
            _compare(known, resource_version)
        if known is not None and uid in ("", known["metadata"].get("uid")):
            del self.objects[resource.kind, namespace, name]

    async def _begin(self) -> None:
        await asyncio.sleep(0)  # others have their turn, as during a real call
        if self.refusal:
            raise self.refusal

    async def _begin_write(self) -> None:
        await self._begin()
        if self.write_refusal:
            raise self.write_refusal

    def _find(self, key: tuple[str, str, str]) -> Manifest:
        if key not in self.objects:
            raise errors.KubeNotFound(404, "NotFound", f"{key[2]} not found")
        return self.objects[key]

    def _store(self, manifest: Manifest) -> Manifest:
        self._version += 1
        own = {"uid": f"uid-{self._version}"} | manifest["metadata"] | {"resourceVersion": str(self._version)}
        stored = manifest | {"metadata": own}
        return copy.deepcopy(self.put(stored))


def _key(obj: Manifest) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"]


def _describe(verb: str, manifest: Manifest, subresource: str = "") -> str:
    return f"{verb} {manifest['kind']} {manifest['metadata']['name']} {subresource}".strip()


def _compare(known: Manifest, version: str) -> None:
    there = known["metadata"].get("resourceVersion", "")
    if version and there and version != there:
        raise errors.KubeConflict(409, "Conflict", "the object has been modified")
