"""A test's namespace as a place where light versions are served, and what its user reads there in trouble."""

import collections.abc
import contextlib
import dataclasses
import typing

import loadgen
from tests.support import cluster as support
from tests.support import models

PLAN = loadgen.Plan(kept=1, fresh=1, rate=20, seconds=240)
RELEVANT = ("ModelVersion", "Service", "Ingress", "Deployment", "ControllerRevision", "ConfigMap")


@dataclasses.dataclass(frozen=True)
class Site:
    """A namespace, the light server's image in it, and where its ingress answers."""

    namespace: support.Namespace
    image: str
    url: str

    def host(self, name: str) -> str:
        """The host of a ModelAlias of this name, unless it is given another."""
        return f"{name}.{self.namespace.name}.{models.HOST_SUFFIX}"

    def apply(self, name: str, model: str, image: str = "", **spec: typing.Any) -> support.Manifest:
        """Applies a ModelAlias that follows `champion`, on the light server unless another image is given."""
        fields: support.Manifest = {"ingress": models.ingress(self.host(name))} | spec
        return self.namespace.apply(models.model_alias(name, model, image or self.image, **fields))

    def serve(self, name: str, model: models.Model, version: int, **spec: typing.Any) -> support.Manifest:
        """Moves `champion` to a version, applies a ModelAlias and waits until that version answers."""
        model.set_alias("champion", version)
        self.apply(name, model.name, **spec)
        return self.wait_answers(name, version)

    def wait_answers(self, name: str, version: int, timeout: float = 90.0) -> support.Manifest:
        """Waits until a ModelAlias serves a version, is Ready and in no trouble, and answers; returns it."""
        found = self.namespace.wait_served(name, version, timeout)
        assert "Stalled" not in support.conditions(found)
        support.wait_answers(self.url, self.host(name), version)
        return found

    def stalled(self, name: str, reason: str, kind: str = "ModelAlias", timeout: float = 60.0) -> str:
        """Waits until an object is Stalled for this reason, and not Ready; returns what it says to its user."""
        found = self.namespace.wait_condition(kind, name, "Stalled", reason=reason, timeout=timeout)
        conditions = support.conditions(found)
        assert conditions["Ready"]["status"] == "False"
        assert "Reconciling" not in conditions
        return str(conditions["Stalled"]["message"])

    def revision(self, version: int) -> support.Manifest:
        """The revision of this version."""
        found = [each for each in self.namespace.list("ModelVersion") if each["spec"]["version"] == version]
        assert len(found) == 1, [each["metadata"]["name"] for each in found]
        return found[0]

    def states(self, *names: str) -> dict[str, str]:
        """The resourceVersions of the ModelAliases of these names and of all their children: none moves untouched."""
        aliases = [self.namespace.get("ModelAlias", name) for name in names]
        uids = {alias["metadata"]["uid"] for alias in aliases if alias}
        owned = [each for kind in RELEVANT for each in self.namespace.list(kind) if _owners(each) & uids]
        uids |= {each["metadata"]["uid"] for each in owned}
        owned += [each for kind in RELEVANT[1:] for each in self.namespace.list(kind) if _owners(each) & uids]
        return {
            f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"]
            for each in [*owned, *(alias for alias in aliases if alias)]
        }

    @contextlib.contextmanager
    def undisturbed(self, name: str, version: int) -> collections.abc.Iterator[loadgen.Load]:
        """While the block lasts, requests are sent, all of which this version has to answer with 200."""
        with loadgen.running(loadgen.Target(self.url, self.host(name)), PLAN) as load:
            load.wait_for_answers(5)
            yield load
            load.wait_for_answers(10)
        assert load.result.failed == 0, load.result.describe_failures()
        assert list(load.result.versions) == [str(version)]


def _owners(found: support.Manifest) -> set[str]:
    return {reference["uid"] for reference in found["metadata"].get("ownerReferences", [])}
