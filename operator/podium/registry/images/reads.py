"""Images: the part of the registry that sees whole models, as mirror, export, import and restore do."""

import dataclasses
import functools

from podium.registry import listing
from podium.registry.images import convergence, converger
from podium.registry.model import entities, validation
from podium.registry.storage import mirror_mark


class Images(listing.Listing):
    """Models in full."""

    def image(self, name: str) -> convergence.ModelImage:
        """The model in full, as it is at one moment. Raises NotFound."""
        validation.check_model_name(name)
        return self._converger().image(name)

    def converge(
        self,
        image: convergence.ModelImage,
        *,
        actor: entities.Actor,
        reason: convergence.Reason,
        mirror: str = "",
        evidence: convergence.EvidenceOf | None = None,
        is_dry: bool = False,
    ) -> convergence.Changes:
        """Make the model equal to the image, creating it if it is not there; nothing is written where it is equal.

        May be repeated after a crash. What a ModelAlias holds is kept, and told. `mirror`: address of the MLflow
        server whose mirror the model is; `evidence` for the moves of aliases; `is_dry`: only tell. Raises InvalidInput,
        TooLarge, Mirrored, AlreadyExists (a model of this registry's own has the mirrored one's name), Conflict (its
        versions went further).
        """
        validation.check_actor(actor)
        if not self._mirrors:
            mirror_mark.check_creation(self._backend, image.name)
        return self._converger().converge(convergence.Order(image, actor, reason, mirror, evidence), is_dry=is_dry)

    def mark_models(self, before: str, after: str) -> list[str]:
        """Models that are a mirror of the server `before` are one of `after` from now on, or of none if that is "".

        Their names. May be repeated after a crash.
        """
        marked = []
        for head in self.list_models():
            if head.mirror == before:
                read = functools.partial(self._reader.head_of_uid, head.uid)
                self._writer.change_head(read, functools.partial(_marked, before, after))
                marked.append(head.name)
        return marked

    def promote(self) -> list[str]:
        """A mirror stands for itself from now on: its models, and new ones, are written to by whoever may.

        The names of the models. The mirror has to be stopped before: it would mark the registry again, though it
        changes none of these models any more. May be repeated after a crash.
        """
        promoted = []
        for address in sorted({head.mirror for head in self.list_models() if head.mirror}):
            promoted += self.mark_models(address, "")
        mirror_mark.remove(self._backend)
        return sorted(promoted)

    def _converger(self) -> converger.Converger:
        return converger.Converger(self._backend, self._reader, self._writer, self._creation, self._clock)


def _marked(before: str, after: str, head: entities.Head) -> entities.Head:
    return dataclasses.replace(head, mirror=after) if head.mirror == before else head
