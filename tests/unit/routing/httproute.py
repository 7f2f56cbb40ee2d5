"""A second router: the Gateway API's HTTPRoute, which knows weights."""

from podium import names
from podium.manifest import Manifest
from podium.routing import routers, service
from podium.workload import labels


class RouteRouter:
    """The HTTPRoute shares the traffic among the revisions' own Services; the alias's Service shows who may answer."""

    def __init__(self) -> None:
        self._services = service.ServiceRouter()

    def build(self, owner: Manifest, split: routers.Split, port: int) -> tuple[Manifest, ...]:
        """The Service, so that its endpoints are known, and the HTTPRoute."""
        backends = [
            {"name": name, "port": names.SERVICE_PORT, "weight": weight}
            for name, weight in sorted(split.weights.items())
        ]
        route = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {
                "name": owner["name"],
                "namespace": owner["namespace"],
                "labels": labels.of_children(owner["name"]),
                "ownerReferences": [labels.build_owner_reference(names.MODEL_ALIAS_KIND, owner)],
            },
            "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": backends}]},
        }
        return (*self._services.build(owner, split, port), route)

    def is_written(self, owner: Manifest, split: routers.Split, objects: routers.Objects) -> bool:
        """Whether the HTTPRoute has these weights, and the Service selects these revisions."""
        seen = objects.get(("HTTPRoute", owner["name"]))
        has_weights = seen is not None and dict(seen.content) == dict(split.weights)
        return has_weights and self._services.is_written(owner, split, objects)
