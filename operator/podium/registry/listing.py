"""Listing: the part of the registry that answers with many models or versions at once."""

from collections.abc import Iterable

from podium.registry import access, codec, entities, keys, reading, transitions


class Listing(access.Access):
    """Lists of models and versions."""

    def list_models(self) -> list[entities.Head]:
        """All models by name. One whose ConfigMap does not parse is left out, with a warning in the log."""
        claims = reading.decoded(self._backend.list(keys.of_kind(keys.CLAIM)), codec.decode_claim)
        claimed = {(claim.name, claim.uid) for claim in claims}
        heads = reading.decoded(self._backend.list(keys.of_kind(keys.HEAD)), codec.decode_head)
        live = [
            head if (head.name, head.uid) in claimed else self._reader.settled(head)
            for head in heads
            if not head.is_deleted
        ]
        return sorted(filter(None, live), key=lambda head: head.name)

    def list_versions(self, name: str) -> list[entities.Version]:
        """A model's versions, newest first; one that does not parse is left out, with a warning. Raises NotFound."""
        head = self.get_model(name)
        versions = reading.decoded(self._backend.list(keys.labels(keys.VERSION, head.uid)), codec.decode_version)
        return sorted(_present(head, versions), key=lambda version: -version.number)

    def list_all_versions(self) -> list[tuple[entities.Head, entities.Version]]:
        """All versions of all models, by name and newest first."""
        heads = self.list_models()
        by_uid: dict[str, list[entities.Version]] = {head.uid: [] for head in heads}
        for version in reading.decoded(self._backend.list(keys.of_kind(keys.VERSION)), codec.decode_version):
            if version.model_uid in by_uid:
                by_uid[version.model_uid].append(version)
        return [
            (head, version)
            for head in heads
            for version in sorted(_present(head, by_uid[head.uid]), key=lambda version: -version.number)
        ]


def _present(head: entities.Head, versions: Iterable[entities.Version]) -> list[entities.Version]:
    """Those versions that are committed and not deleted."""
    return [
        transitions.shown(head, version)
        for version in versions
        if version.number <= head.last_version and not version.deleted and version.number not in head.deleting
    ]
