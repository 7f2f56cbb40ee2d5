"""What decisions look at, complete and unremarkable; each test changes what it is about."""

import datetime
from typing import Any

from podium import names
from podium.api import model_version
from podium.manifest import Manifest
from podium.workload import intent, pod, pods, replicas, sources, version
from podium.workload.runtimes import choice
from podium.workload.storage import s3

URI = "s3://artifacts/iris/1"
SOURCE = sources.Source(URI, s3.S3(), model_uid="uid-of-iris", run_id="run-1")
DEFAULTS = pod.Defaults(puller_image="podium-server:1", server_image="podium-server:1")
NOW = datetime.datetime(2026, 11, 24, 10, 0, 0, tzinfo=datetime.UTC)
RUNTIME = choice.choose_runtime(model_version.Runtime())
DIGEST = "sha256:" + "0" * 64
METADATA: Manifest = {"name": "iris-v1", "namespace": "models", "uid": "uid-of-iris-v1", "generation": 1}


def spec(**fields: Any) -> model_version.ModelVersionSpec:
    """A ModelVersion's spec, in the API's own spelling."""
    return model_version.ModelVersionSpec.model_validate({"model": "iris", "version": 1} | fields)


def deployment(
    of: model_version.ModelVersionSpec, *, ready: int | None = None, uri: str = URI, **status: Any
) -> Manifest:
    """A Deployment that has what `of` asks for, with `ready` of its pods Ready (all, unless given)."""
    wanted = replicas.of_template(of).adjust(0)
    counts = {"replicas": wanted, "readyReplicas": wanted if ready is None else ready, "updatedReplicas": wanted}
    return {
        "metadata": {"generation": 1, "annotations": {names.INTENT_ANNOTATION: intent.hash_intent(of, uri)}},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": 1} | counts | status,
    }


def dump(status: model_version.ModelVersionStatus) -> Manifest:
    """A status as the API server keeps it."""
    return status.model_dump(by_alias=True, exclude_none=True)


def a_pod(name: str = "iris-v1-0", **fields: Any) -> pods.Pod:
    """A Pod that is not Ready and says nothing."""
    given = {"ready": False, "terminating": False, "report": None, "trouble": None} | fields
    return pods.Pod(name=name, model_version="iris-v1", **given)


def world(**fields: Any) -> version.World:
    """A ModelVersion that was created just now, and whose source is known."""
    given: Manifest = {
        "metadata": METADATA,
        "spec": spec(),
        "status": model_version.ModelVersionStatus(),
        "source": SOURCE,
        "frozen": None,
        "deployment": None,
        "pods": (),
        "defaults": DEFAULTS,
        "now": NOW,
        "runtime": RUNTIME,
    }
    given |= fields
    given.setdefault("replicas", replicas.of_template(given["spec"]))
    return version.World(**given)


def serving(**fields: Any) -> version.World:
    """A ModelVersion whose pods are all Ready, as an earlier pass has recorded it."""
    wanted = fields.get("spec", spec())
    template = pod.build_pod_template({"name": "iris-v1"}, wanted, SOURCE, DEFAULTS, RUNTIME)
    recorded = {
        "modelUid": "uid-of-iris",
        "runId": "run-1",
        "artifact": {"uri": URI, "digest": DIGEST, "bytes": 7, "seconds": 0.5},
        "image": DEFAULTS.server_image,
    }
    given = {
        "spec": wanted,
        "status": model_version.ModelVersionStatus.model_validate(recorded),
        "frozen": template,
        "deployment": deployment(wanted),
    }
    return world(**(given | fields))


def puller(template: Manifest) -> Manifest:
    """The init container of a pod template."""
    (container,) = template["spec"]["initContainers"]
    return dict(container)


def server(template: Manifest) -> Manifest:
    """The container of a pod template that answers."""
    (container,) = template["spec"]["containers"]
    return dict(container)


def env(container: Manifest) -> dict[str, str]:
    """The variables of a container by name; "" for one whose value comes from elsewhere."""
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}
