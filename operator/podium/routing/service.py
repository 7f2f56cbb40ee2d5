"""The router that every cluster has: the selector of the alias's Service.

A selector knows labels and no weights. One revision is selected by its name. Two are selected by what their pods have
in common, so each receives traffic by its number of ready pods, whatever the weights say: enough for an overlap.

    {"champion-v2-abc": 1}                          {model-alias-name: champion, model-version-name: champion-v2-abc}
    {"champion-v1-xyz": 1, "champion-v2-abc": 1}    {model-alias-name: champion, traffic: live}
"""

from podium import names
from podium.manifest import Manifest
from podium.routing import routers
from podium.workload import children, labels


class ServiceRouter:
    """Moves traffic by one write of one Service."""

    def build(self, owner: Manifest, split: routers.Split, port: int) -> tuple[Manifest, ...]:
        """The Service of the ModelAlias."""
        return (children.build_service(owner, names.MODEL_ALIAS_KIND, build_selector(owner, split), port),)

    def is_written(self, owner: Manifest, split: routers.Split, objects: routers.Objects) -> bool:
        """Whether the Service that is there selects so."""
        seen = objects.get(("Service", owner["name"]))
        return seen is not None and dict(seen.content) == build_selector(owner, split)


def build_selector(owner: Manifest, split: routers.Split) -> dict[str, str]:
    """The selector for a split."""
    if len(split.weights) == 1:
        return labels.revision_selector(owner["name"], split.revisions[0])
    return labels.overlap_selector(owner["name"])
