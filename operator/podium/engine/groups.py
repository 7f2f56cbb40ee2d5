"""Extracts by the object that they belong to, such as pods by their ModelVersion, kept current by a reflector."""

import collections.abc
from typing import Generic, TypeVar

from podium.kube import reflector, resources

T = TypeVar("T")


class Groups(Generic[T]):
    """`owner_of` says the name of the object that an extract belongs to, which is of the extract's namespace."""

    def __init__(self, owner_of: collections.abc.Callable[[T], str]) -> None:
        self._owner_of = owner_of
        self._groups: dict[resources.Key, dict[str, T]] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def get(self, owner: resources.Key) -> collections.abc.Mapping[str, T]:
        """What belongs to an object, by name."""
        return self._groups.get(owner, {})

    def change(self, change: reflector.Change[T]) -> None:
        """Take in a change; a group that becomes empty goes, so that none stays for what was deleted."""
        namespace, name = change.key
        if change.old is not None:
            owner = (namespace, self._owner_of(change.old))
            group = self._groups.get(owner, {})
            group.pop(name, None)
            if not group:
                self._groups.pop(owner, None)
        if change.new is not None:
            self._groups.setdefault((namespace, self._owner_of(change.new)), {})[name] = change.new
