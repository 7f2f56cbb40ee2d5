"""Several operators: one acts at a time, and whoever takes over finishes what is under way."""

import time
import typing

import pytest

import loadgen
from tests.support import cluster as support
from tests.support import installed, models, operators

pytestmark = pytest.mark.serial


@pytest.fixture
def served(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    model: models.NewModel,
    host: str,
) -> models.Model:
    """A model with two versions, of which the first is served; a switch takes three seconds."""
    made = model()
    version = made.add()
    made.add()
    made.set_alias("champion", version)
    spec = {"ingress": models.ingress(host), "rollout": {"overlap": "3s"}}
    namespace.apply(models.model_alias("iris", made.name, images.light, **spec))
    namespace.wait_served("iris", version)
    support.wait_answers(cluster.invocations, host, version)
    return made


@pytest.fixture
def pair(machine: operators.Host, namespace: support.Namespace) -> tuple[operators.Operator, operators.Operator]:
    """Two operators of the test's namespace: the first leads, the second is ready to."""
    first = machine.start("first", namespace.name)
    first.wait_leads()
    second = machine.start("second", namespace.name)
    support.wait_for("the second to be ready", second.is_ready, operators.START_SECONDS, lambda: second.log)
    return first, second


@pytest.fixture
def load(cluster: installed.Cluster, served: models.Model, host: str) -> typing.ContextManager[loadgen.Load]:
    """Requests to the model, from the moment that it is entered."""
    return loadgen.running(loadgen.Target(cluster.invocations, host), loadgen.Plan(kept=2, fresh=2, rate=40))


def wait_overlap(namespace: support.Namespace) -> None:
    namespace.wait(
        "ModelAlias",
        "iris",
        "is in the middle of a move",
        lambda found: found["status"].get("rollout", {}).get("phase") == "Overlapping",
    )


def test_sigterm_gives_the_lease_back_and_another_operator_finishes_the_move_at_once(
    api: support.Api,
    podium: installed.Podium,
    namespace: support.Namespace,
    served: models.Model,
    pair: tuple[operators.Operator, operators.Operator],
    load: typing.ContextManager[loadgen.Load],
    record_property: models.Record,
) -> None:
    first, second = pair
    with load as sent:
        assert operators.holder(api, podium) == "first"
        assert not second.leads()

        served.set_alias("champion", 2)
        wait_overlap(namespace)
        told = time.monotonic()
        first.terminate()
        second.wait_leads()
        record_property("figure", f"SIGTERM to the next leader: {time.monotonic() - told:.1f} s")
        assert time.monotonic() - told < 5
        assert first.wait_end(timeout=20) == 0
        with second.logged():
            namespace.wait_served("iris", 2)
        sent.wait_for_answers(40)
        second.terminate()
        assert second.wait_end(timeout=20) == 0
        assert operators.holder(api, podium) == ""
    assert sent.result.failed == 0, sent.result.describe_failures()


def test_an_operator_that_is_killed_without_a_word_is_followed_by_the_other_when_its_lease_has_run_out(
    namespace: support.Namespace,
    served: models.Model,
    pair: tuple[operators.Operator, operators.Operator],
    load: typing.ContextManager[loadgen.Load],
    record_property: models.Record,
) -> None:
    first, second = pair
    with load as sent:
        served.set_alias("champion", 2)
        wait_overlap(namespace)
        killed = time.monotonic()
        first.process.kill()
        second.wait_leads()
        record_property("figure", f"kill -9 to the next leader: {time.monotonic() - killed:.1f} s")
        assert time.monotonic() - killed < 20
        namespace.wait_served("iris", 2)
        sent.wait_for_answers(40)
    assert sent.result.failed == 0, sent.result.describe_failures()


def test_deleting_the_leaders_pod_hands_over_within_seconds_and_the_move_under_way_completes(
    api: support.Api,
    podium: installed.Podium,
    namespace: support.Namespace,
    served: models.Model,
    load: typing.ContextManager[loadgen.Load],
    record_property: models.Record,
) -> None:
    operators.scale(api, podium, 2)
    try:
        with load as sent:
            leader = operators.holder(api, podium)
            assert leader in {pod["metadata"]["name"] for pod in operators.pods(api, podium)}
            served.set_alias("champion", 2)
            wait_overlap(namespace)
            deleted = time.monotonic()
            api.delete("Pod", podium.namespace, leader)
            support.wait_for("another leader", lambda: operators.holder(api, podium) not in {"", leader}, timeout=20)
            record_property("figure", f"deletion to the next leader: {time.monotonic() - deleted:.1f} s")
            assert time.monotonic() - deleted < 10
            namespace.wait_served("iris", 2)
            sent.wait_for_answers(40)
    finally:
        operators.scale(api, podium, 1)
    assert sent.result.failed == 0, sent.result.describe_failures()
