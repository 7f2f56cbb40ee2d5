"""What routers have in common: the split that is asked for, the objects that are there, and the protocol."""

import collections.abc
import dataclasses
from typing import Any, Protocol

from podium.manifest import Manifest

ObjectKey = tuple[str, str]
"""Kind and name of an object in the namespace of its ModelAlias."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Which share of the traffic each revision receives, by the names of revisions.

    Weights are positive and relative to each other: {"a": 1, "b": 1} is half and half, {"a": 9, "b": 1} is 90 and 10 %.
    A revision that is not named receives nothing.
    """

    weights: collections.abc.Mapping[str, int]

    @property
    def revisions(self) -> tuple[str, ...]:
        """The names of the revisions that receive traffic, sorted."""
        return tuple(sorted(self.weights))


@dataclasses.dataclass(frozen=True)
class Seen:
    """An object as it is on the API server, as far as decisions need it."""

    resource_version: str
    content: collections.abc.Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What routers compare: of a Service its selector."""


Objects = collections.abc.Mapping[ObjectKey, Seen]
"""The objects of one ModelAlias that bring traffic to its pods."""


class Router(Protocol):
    """Turns a split into objects. It keeps nothing: what is there is handed to it."""

    def build(self, owner: Manifest, split: Split, port: int) -> tuple[Manifest, ...]:
        """The objects that carry out the split, in the order in which they are applied.

        `owner` is the ModelAlias's metadata, `port` is where its pods listen.
        """

    def is_written(self, owner: Manifest, split: Split, objects: Objects) -> bool:
        """Whether the objects that are there carry out the split already."""


def key_of(manifest: Manifest) -> ObjectKey:
    """Kind and name of a manifest."""
    return manifest["kind"], manifest["metadata"]["name"]
