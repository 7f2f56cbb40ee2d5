"""The versions of one model, as lists and searches see them."""

from collections.abc import Mapping, Sequence
from typing import Self, TypeAlias

from podium.registry.model import entities, transitions

VersionOf: TypeAlias = tuple[entities.Head, entities.Version]
KEYS_KEPT = 8
"""Keys of tags by which the versions are kept apart at most."""


class VersionList(tuple[VersionOf, ...]):
    """Those that are committed and not deleted, newest first, each with the model."""

    _by_tag: dict[str, dict[str, list[VersionOf]]]

    def __new__(cls, head: entities.Head, versions: Mapping[int, entities.Version]) -> Self:
        """`versions`: what there is of the model, by number."""
        made = super().__new__(
            cls,
            (
                (head, transitions.shown(head, version))
                for number, version in sorted(versions.items(), reverse=True)
                if number <= head.last_version and not version.deleted and number not in head.deleting
            ),
        )
        made._by_tag = {}
        return made

    def tagged(self, key: str, value: str) -> Sequence[VersionOf]:
        """Those with this value of a tag; from the second time for a key on without a look at each."""
        by_value = self._by_tag.get(key)
        if by_value is None:
            by_value = {}
            for pair in self:
                if (found := pair[1].tags.get(key)) is not None:
                    by_value.setdefault(found, []).append(pair)
            if len(self._by_tag) >= KEYS_KEPT:
                self._by_tag = {}
            self._by_tag[key] = by_value
        return by_value.get(value, ())
