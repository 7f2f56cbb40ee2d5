"""Watching: what a watch has shown of a registry, by how far it may be relied on.

seen         however old it is: for what a compare-and-swap decides
models       its claims and heads no older than any answer that this server has had: for what a name stands for
caught_up    all of it no older than that: for lists, and for a version beside its model
"""

from typing import Protocol

from podium.registry import catalog


class Watch(Protocol):
    """One registry's; safe to use from several threads."""

    def seen(self) -> catalog.Catalog | None:
        """What was seen so far, at once; None for nothing yet."""

    def models(self) -> catalog.Catalog | None:
        """What was seen once it has the models as above; None when that is not to be had within milliseconds."""

    def caught_up(self, *, briefly: bool = False) -> catalog.Catalog | None:
        """What was seen once it has all as above; None when that is not to be had soon, or briefly: in milliseconds."""


class Unwatched:
    """No watch: whatever is asked for is read."""

    def seen(self) -> catalog.Catalog | None:
        """None."""
        return None

    def models(self) -> catalog.Catalog | None:
        """None."""
        return None

    def caught_up(self, *, briefly: bool = False) -> catalog.Catalog | None:  # noqa: ARG002 -- as the protocol has it
        """None."""
        return None
