"""How many pods are asked for: a fixed number, or a range within which somebody else scales.

Whoever decides about pods asks the two questions that differ between the kinds, and compares no numbers itself:

    Fixed(3).is_met(3)         True        Fixed(3).adjust(7)         3    what the spec says counts
    Range(2, 10).is_met(7)     True        Range(2, 10).adjust(7)     7    an autoscaler's number is left alone
    Range(2, 10).is_met(1)     False       Range(2, 10).adjust(1)     2    below the bounds: the lower one
    Range(2, 10).is_met(12)    False       Range(2, 10).adjust(12)    10
"""

import dataclasses

from podium.api import model_version
from podium.manifest import Manifest


@dataclasses.dataclass(frozen=True)
class Fixed:
    """Exactly this number of pods."""

    count: int

    def is_met(self, live: int) -> bool:
        """Whether a number of pods is the one that is asked for."""
        return live == self.count

    def adjust(self, live: int) -> int:  # noqa: ARG002 -- the interface that it shares with Range
        """The number to write where `live` pods are asked for now (0: none yet)."""
        return self.count


@dataclasses.dataclass(frozen=True)
class Range:
    """Any number of pods within these bounds, both included."""

    least: int
    most: int

    def is_met(self, live: int) -> bool:
        """Whether a number of pods is one of those that are asked for."""
        return self.least <= live <= self.most

    def adjust(self, live: int) -> int:
        """The number to write where `live` pods are asked for now (0: none yet): the nearest within the bounds."""
        return min(max(live, self.least), self.most)


Replicas = Fixed | Range


def of_template(template: model_version.Template) -> Replicas:
    """What the spec of a ModelVersion, or the template of a ModelAlias, asks for."""
    return Fixed(model_version.DEFAULT_REPLICAS if template.replicas is None else template.replicas)


def count_asked(spec: Manifest) -> int:
    """The pods that a stored ModelVersion asks for now; where its spec has no number, the default's."""
    return int(spec.get("replicas", model_version.DEFAULT_REPLICAS))
