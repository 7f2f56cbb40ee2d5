"""BlueGreen where something goes wrong or somebody changes their mind: who receives traffic stays right throughout."""

import collections.abc
import dataclasses
import datetime
import threading
import time
import typing

import pytest

import loadgen
from podium import names
from tests.support import cluster as support
from tests.support import installed, models

PLAN = loadgen.Plan(kept=2, fresh=2, rate=40, seconds=120)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A registered model and the ModelAlias `iris` on it, with its host."""

    namespace: support.Namespace
    model: models.Model
    image: str
    url: str
    host: str

    def apply(self, *, template: support.Manifest | None = None, **rollout: typing.Any) -> None:
        spec = {"ingress": models.ingress(self.host), "rollout": rollout, "template": template or {}}
        self.namespace.apply(models.model_alias("iris", self.model.name, self.image, **spec))

    def serve(self, version: int, **rollout: typing.Any) -> support.Manifest:
        """Moves the alias, applies the ModelAlias and waits until it serves that version."""
        self.model.set_alias("champion", version)
        self.apply(**rollout)
        found = self.namespace.wait_served("iris", version)
        support.wait_answers(self.url, self.host, version)
        return found

    def load(self) -> typing.ContextManager[loadgen.Load]:
        return loadgen.running(loadgen.Target(self.url, self.host), PLAN)

    def alias(self) -> support.Manifest:
        found = self.namespace.get("ModelAlias", "iris")
        assert found is not None
        return found

    def service(self) -> support.Manifest:
        found = self.namespace.get("Service", "iris")
        assert found is not None
        return found

    def wait_phase(self, phase: str, version: int) -> support.Manifest:
        return self.namespace.wait_phase("iris", phase, version)

    def history(self) -> list[tuple[int | None, int, str]]:
        """From, to and outcome of every transition, oldest first."""
        entries = self.alias()["status"].get("history", [])
        return [(entry.get("from"), entry["version"], entry["outcome"]) for entry in reversed(entries)]


@pytest.fixture
def endpoint(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    model: models.NewModel,
) -> Endpoint:
    host = f"{namespace.name}.{models.HOST_SUFFIX}"
    return Endpoint(namespace, model(), images.light, cluster.invocations, host)


class Watcher:
    """Looks at something over and over for the time of a block, and keeps what it saw."""

    def __init__(self, look: collections.abc.Callable[[], typing.Any]) -> None:
        self._look = look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen: list[typing.Any] = []

    def __enter__(self) -> typing.Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.seen.append(self._look())
            time.sleep(0.05)


def ready_endpoints(namespace: support.Namespace, service: str) -> set[str]:
    """Names of the pods that a Service's EndpointSlices hold as ready."""
    slices = namespace.list("EndpointSlice", f"kubernetes.io/service-name={service}")
    return {
        endpoint["targetRef"]["name"]
        for each in slices
        for endpoint in each.get("endpoints") or []
        if endpoint["conditions"].get("ready")
    }


def test_a_crash_looping_candidate_gets_no_traffic_and_the_old_version_keeps_all_of_it(endpoint: Endpoint) -> None:
    good, bad = endpoint.model.add(), endpoint.model.add(models.light(fail="load"))
    endpoint.serve(good, template=models.impatient())
    before = endpoint.service()

    with endpoint.load() as load, Watcher(lambda: ready_endpoints(endpoint.namespace, "iris")) as watcher:
        endpoint.model.set_alias("champion", bad)
        stalled = endpoint.namespace.wait_condition("ModelAlias", "iris", "Stalled", reason="ContainerCrashed")
        endpoint.apply(
            progressDeadline="20s", template=models.impatient()
        )  # only now: a pull may take longer on a busy machine
        endpoint.wait_phase("Failed", bad)
        load.wait_for_answers(40)

    assert "No module named 'xgboost'" in support.conditions(stalled)["Stalled"]["message"]
    assert load.result.failed == 0, load.result.describe_failures()
    assert list(load.result.versions) == [str(good)]
    assert all(watcher.seen)
    assert endpoint.service()["spec"]["selector"] == before["spec"]["selector"]
    failed = endpoint.alias()
    assert support.has_condition(failed, "Serving")
    assert support.has_condition(failed, "Ready", "False")
    assert endpoint.history() == [(None, good, "Switched"), (good, bad, "Failed")]
    candidate = failed["status"]["rollout"]["to"]["name"]
    endpoint.namespace.wait("Deployment", candidate, "has no pods", lambda found: found["spec"]["replicas"] == 0)


def test_a_failed_version_is_tried_again_when_asked_and_a_return_to_the_served_one_makes_all_well(
    endpoint: Endpoint,
) -> None:
    good, bad = endpoint.model.add(), endpoint.model.add(models.light(fail="health"))
    endpoint.serve(good, template=models.impatient())
    endpoint.apply(progressDeadline="20s", template=models.impatient())
    endpoint.model.set_alias("champion", bad)
    first = endpoint.wait_phase("Failed", bad)["status"]["rollout"]["id"]
    retry = {"metadata": {"annotations": {names.RETRY_ANNOTATION: "1"}}}
    endpoint.namespace.api.patch("ModelAlias", endpoint.namespace.name, "iris", retry)
    endpoint.namespace.wait(
        "ModelAlias",
        "iris",
        "fails again",
        lambda found: found["status"]["rollout"]["phase"] == "Failed" and found["status"]["rollout"]["id"] != first,
    )
    endpoint.model.set_alias("champion", good)
    found = endpoint.namespace.wait_served("iris", good)
    assert "Stalled" not in support.conditions(found)
    assert "failed" not in found["status"]


def test_a_first_install_never_selects_a_pod_that_is_not_ready(endpoint: Endpoint) -> None:
    version = endpoint.model.add(models.light(load_seconds=4))
    endpoint.model.set_alias("champion", version)

    def look() -> tuple[bool, bool, bool]:
        service, ingress = endpoint.namespace.get("Service", "iris"), endpoint.namespace.get("Ingress", "iris")
        pods = endpoint.namespace.list("Pod", f"{names.MODEL_ALIAS_NAME_LABEL}=iris")
        return service is not None, ingress is not None, any(is_ready(pod) for pod in pods)

    with Watcher(look) as watcher:
        endpoint.apply()
        endpoint.namespace.wait_served("iris", version)
    assert (False, False, False) in watcher.seen
    assert (True, True, True) in watcher.seen or look() == (True, True, True)
    assert not [seen for seen in watcher.seen if (seen[0] or seen[1]) and not seen[2]]


def test_a_candidate_that_crashes_as_it_begins_to_serve_takes_no_traffic_with_it(endpoint: Endpoint) -> None:
    good, bad = endpoint.model.add(), endpoint.model.add(models.light(fail="crash"))
    endpoint.serve(good, template=models.impatient())
    with endpoint.load() as load, Watcher(lambda: ready_endpoints(endpoint.namespace, "iris")) as watcher:
        endpoint.model.set_alias("champion", bad)
        endpoint.namespace.wait_condition("ModelAlias", "iris", "Stalled", reason="ContainerCrashed")
        endpoint.apply(
            progressDeadline="20s", template=models.impatient()
        )  # only now: a pull may take longer on a busy machine
        endpoint.wait_phase("Failed", bad)
        load.wait_for_answers(40)
    assert load.result.failed == 0, load.result.describe_failures()
    assert list(load.result.versions) == [str(good)]
    assert all(watcher.seen)
    message = support.conditions(endpoint.alias())["Stalled"]["message"]
    assert "the light server was told to crash" in message


def is_ready(pod: support.Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def test_the_old_version_is_scaled_down_only_after_the_switch_and_its_delay(endpoint: Endpoint) -> None:
    one, two = endpoint.model.add(), endpoint.model.add()
    old = endpoint.serve(one, previous={"delay": "4s"})["status"]["served"]["name"]

    def look() -> tuple[str | None, int | None, int]:
        rollout = endpoint.alias()["status"]["rollout"]
        deployment = endpoint.namespace.get("Deployment", old)
        assert deployment is not None
        return rollout["phase"], rollout["to"]["version"], deployment["spec"]["replicas"]

    with Watcher(look) as watcher:
        endpoint.model.set_alias("champion", two)
        switched = endpoint.namespace.wait_served("iris", two)
        endpoint.namespace.wait("Deployment", old, "is scaled to 0", lambda found: found["spec"]["replicas"] == 0)
    gone = datetime.datetime.now(datetime.UTC)
    entry = switched["status"]["history"][0]
    assert {seen for seen in watcher.seen if seen[2] == 0} <= {("Complete", two, 0)}
    assert (gone - datetime.datetime.fromisoformat(entry["at"])).total_seconds() >= 4
    assert endpoint.alias()["status"]["previous"]["version"] == one


def test_pods_that_a_quota_refuses_stall_the_rollout_with_the_cause_and_it_goes_on_when_there_is_room(
    endpoint: Endpoint,
) -> None:
    one, two = endpoint.model.add(), endpoint.model.add()
    endpoint.serve(one)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}
    endpoint.namespace.apply(quota)
    support.wait_for(
        "the quota to count",
        lambda: endpoint.namespace.wait("ResourceQuota", "few", "is there", bool).get("status", {}).get("used"),
    )
    with endpoint.load() as load:
        endpoint.model.set_alias("champion", two)
        stalled = endpoint.namespace.wait_condition("ModelAlias", "iris", "Stalled", reason=names.PODS_REFUSED)
        assert "exceeded quota: few" in support.conditions(stalled)["Stalled"]["message"]
        assert support.has_condition(stalled, "Serving")
        assert support.served(stalled) == one
        load.wait_for_answers(20)
        endpoint.namespace.delete("ResourceQuota", "few")
        endpoint.namespace.wait_served("iris", two)
        load.wait_for_version(str(two), 0, timeout=10)
    assert load.result.failed == 0, load.result.describe_failures()


def test_pods_that_pod_security_refuses_stall_with_the_cause_while_the_old_ones_serve(endpoint: Endpoint) -> None:
    one = endpoint.model.add()
    name = endpoint.serve(one)["status"]["served"]["name"]
    sidecar = {"name": "sidecar", "image": endpoint.image, "command": ["python3", "-c", "pass"]}
    injected = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": endpoint.namespace.name},
        "spec": {"template": {"spec": {"containers": [sidecar]}}},
    }
    with endpoint.load() as load:
        endpoint.namespace.api.apply(injected, manager="injector")
        stalled = endpoint.namespace.wait_condition("ModelAlias", "iris", "Stalled", reason=names.PODS_REFUSED)
        load.wait_for_answers(20)
    assert 'violates PodSecurity "restricted' in support.conditions(stalled)["Stalled"]["message"]
    assert load.result.failed == 0, load.result.describe_failures()
    none = {"spec": None, "apiVersion": "apps/v1", "kind": "Deployment", "metadata": injected["metadata"]}
    endpoint.namespace.api.apply({key: value for key, value in none.items() if value}, manager="injector")
    healed = endpoint.namespace.wait_served("iris", one)
    assert "Stalled" not in support.conditions(healed)


def test_a_third_version_in_the_middle_of_a_switch_waits_for_its_end(endpoint: Endpoint) -> None:
    one, two, three = endpoint.model.add(), endpoint.model.add(), endpoint.model.add()
    endpoint.serve(one, overlap="3s")
    with endpoint.load() as load:
        endpoint.model.set_alias("champion", two)
        endpoint.wait_phase("Overlapping", two)
        endpoint.model.set_alias("champion", three)
        endpoint.namespace.wait_served("iris", three)
        load.wait_for_version(str(three), 0, timeout=10)
        load.wait_for_answers(40)
    assert load.result.failed == 0, load.result.describe_failures()
    assert list(load.result.versions) == [str(one), str(two), str(three)]
    spans = load.result.versions
    assert spans[str(one)].last < spans[str(three)].first
    assert endpoint.history() == [(None, one, "Switched"), (one, two, "Switched"), (two, three, "Switched")]


def test_an_alias_that_is_moved_back_during_the_switch_has_its_traffic_again_and_loses_no_request(
    endpoint: Endpoint,
) -> None:
    one, two = endpoint.model.add(), endpoint.model.add()
    endpoint.serve(one, overlap="3s")
    with endpoint.load() as load:
        endpoint.model.set_alias("champion", two)
        endpoint.wait_phase("Overlapping", two)
        load.wait_for_version(str(two), 0, timeout=10)
        endpoint.model.set_alias("champion", one)
        endpoint.wait_phase("Aborted", two)
        endpoint.namespace.wait_served("iris", one)
        load.wait_for_answers(40)
    assert load.result.failed == 0, load.result.describe_failures()
    assert endpoint.history() == [(None, one, "Switched"), (one, two, "Aborted")]


def test_an_alias_that_is_moved_back_before_the_switch_ends_the_rollout_without_touching_traffic(
    endpoint: Endpoint,
) -> None:
    one, two = endpoint.model.add(), endpoint.model.add(models.light(load_seconds=60))
    endpoint.serve(one)
    before = endpoint.service()
    endpoint.model.set_alias("champion", two)
    candidate = endpoint.wait_phase("Preparing", two)["status"]["rollout"]["to"]["name"]
    endpoint.namespace.wait("Deployment", candidate, "has a pod", lambda found: found["status"].get("replicas") == 1)
    endpoint.model.set_alias("champion", one)
    endpoint.namespace.wait("Deployment", candidate, "is scaled to 0", lambda found: found["spec"]["replicas"] == 0)
    endpoint.namespace.wait_served("iris", one)
    assert endpoint.service()["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert endpoint.history() == [(None, one, "Switched")]


def test_a_changed_template_rolls_the_same_version_without_losing_a_request(endpoint: Endpoint) -> None:
    one = endpoint.model.add()
    old = endpoint.serve(one)["status"]["served"]["name"]
    with endpoint.load() as load:
        changed = models.template(endpoint.image)["runtime"] | {"env": [{"name": "PODIUM_DRAIN_SECONDS", "value": "3"}]}
        endpoint.apply(template={"runtime": changed})
        found = endpoint.namespace.wait(
            "ModelAlias",
            "iris",
            "serves another revision",
            lambda found: found["status"]["served"]["name"] != old and support.has_condition(found, "Ready"),
        )
        load.wait_for_answers(40)
    assert load.result.failed == 0, load.result.describe_failures()
    assert support.served(found) == one
    assert found["status"]["history"][0]["reason"] == "TemplateChanged"
    server = endpoint.namespace.wait("Deployment", found["status"]["served"]["name"], "is there", bool)
    assert {"name": "PODIUM_DRAIN_SECONDS", "value": "3"} in server["spec"]["template"]["spec"]["containers"][0]["env"]


def test_a_users_own_version_under_the_aliass_label_gets_none_of_its_traffic(endpoint: Endpoint) -> None:
    one, two, users = endpoint.model.add(), endpoint.model.add(), endpoint.model.add()
    own = models.model_version("mine", endpoint.model.name, users, endpoint.image)
    own["metadata"]["labels"] = {names.MODEL_ALIAS_NAME_LABEL: "iris"}
    endpoint.namespace.apply(own)
    endpoint.namespace.wait_condition("ModelVersion", "mine", "Ready")
    endpoint.serve(one, overlap="3s")
    with endpoint.load() as load:
        endpoint.model.set_alias("champion", two)
        endpoint.wait_phase("Overlapping", two)
        support.wait_for("both versions in the Service", lambda: len(ready_endpoints(endpoint.namespace, "iris")) == 2)
        endpoint.namespace.wait_served("iris", two)
        load.wait_for_answers(20)
    assert set(load.result.versions) == {str(one), str(two)}
    mine = endpoint.namespace.get("ModelVersion", "mine")
    assert mine is not None
    assert "ownerReferences" not in mine["metadata"]
    assert mine["spec"]["replicas"] == 1
