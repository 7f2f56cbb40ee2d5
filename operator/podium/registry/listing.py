"""Listing: the part of the registry that answers with many models or versions at once.

A registry with a watch lists what that has shown. Without one, and whenever the watch has not caught up, the lists are
consistent ones of the API server.
"""

from podium.registry import access
from podium.registry.model import entities, validation, versionlist
from podium.registry.protocol import readers
from podium.registry.storage import codec, keys


class Listing(access.Access):
    """Lists of models and versions. One whose ConfigMap does not parse is left out, with a warning in the log."""

    def list_models(self) -> list[entities.Head]:
        """All models by name."""
        if known := self._watch.caught_up():
            return known.models()
        with self._whole_list:
            return known.models() if (known := self._watch.caught_up()) else self._consistent_models()

    def _consistent_models(self) -> list[entities.Head]:
        claims = readers.decoded(self._backend.list(keys.of_kind(keys.CLAIM)), codec.decode_claim)
        claimed = {(claim.name, claim.uid) for claim in claims}
        heads = readers.decoded(self._backend.list(keys.of_kind(keys.HEAD)), codec.decode_head)
        live = [
            head if (head.name, head.uid) in claimed else self._reader.settled(head)
            for head in heads
            if not head.is_deleted
        ]
        return sorted(filter(None, live), key=lambda head: head.name)

    def list_versions(self, name: str) -> list[entities.Version]:
        """A model's versions, newest first. Raises NotFound."""
        return [version for _, version in self.list_model_versions(name)]

    def list_model_versions(self, name: str) -> versionlist.VersionList:
        """A model's versions, newest first, each with the model as it was then. Raises NotFound."""
        validation.check_model_name(name)
        if (known := self._watch.caught_up()) and (found := known.versions_of(name)) is not None:
            return found
        head = self.get_model(name)
        versions = readers.decoded(self._backend.list(keys.labels(keys.VERSION, head.uid)), codec.decode_version)
        return versionlist.VersionList(head, {version.number: version for version in versions})

    def list_all_versions(self) -> list[versionlist.VersionList]:
        """The versions of all models, by name."""
        if known := self._watch.caught_up():
            return known.versions()
        with self._whole_list:
            return known.versions() if (known := self._watch.caught_up()) else self._consistent_versions()

    def _consistent_versions(self) -> list[versionlist.VersionList]:
        heads = self._consistent_models()
        by_uid: dict[str, dict[int, entities.Version]] = {head.uid: {} for head in heads}
        for version in readers.decoded(self._backend.list(keys.of_kind(keys.VERSION)), codec.decode_version):
            if version.model_uid in by_uid:
                by_uid[version.model_uid][version.number] = version
        return [versionlist.VersionList(head, by_uid[head.uid]) for head in heads]
