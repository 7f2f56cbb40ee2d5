"""The main job, as clients see it: the alias moves in the registry, live traffic moves, and no request is lost."""

import statistics
import time

import loadgen
from demo import move, phases
from tests.support import cluster as support
from tests.support import installed, models

START_SECONDS = 240.0
"""The real server on a busy machine: MLflow is imported, the model loaded."""


def test_a_move_between_real_servers_loses_no_request_through_start_switch_and_retirement(
    cluster: installed.Cluster,
    podium: installed.Podium,
    namespace: support.Namespace,
    model: models.NewModel,
    host: str,
    record_property: models.Record,
) -> None:
    served = model()
    one, two = served.add(models.real(1)), served.add(models.real(2))
    served.set_alias("champion", one)
    spec = {"ingress": models.ingress(host), "rollout": {"previous": {"delay": "5s"}}}
    namespace.apply(models.model_alias("iris", served.name, **spec))
    old = namespace.wait_served("iris", one, START_SECONDS)["status"]["served"]["name"]
    assert support.wait_answers(cluster.invocations, host, one).json() == {"predictions": [1]}

    plan = loadgen.Plan(kept=4, fresh=4, rate=60, seconds=600)
    target = loadgen.Target(cluster.invocations, host)
    with phases.Phases(cluster.environment, namespace.name, "iris") as watched, loadgen.running(target, plan) as load:
        load.wait_for_answers(200)
        versions = (str(one), str(two))
        seen = move.under_load(load, watched, versions, lambda: served.set_alias("champion", two), START_SECONDS)
        namespace.wait("Deployment", old, "is scaled to 0", lambda found: found["spec"]["replicas"] == 0)
        support.wait_for("the old pods to be gone", lambda: not pods_of(namespace, old), 60, namespace.describe)
        load.wait_for_answers(2000, timeout=120, since=seen.called)
    seen = move.finished(seen, load)

    for line in seen.describe():
        record_property("figure", line)
    assert seen.result.failed == 0, seen.result.describe_failures()
    assert seen.result.sent_since(seen.called) >= 2000
    assert list(seen.result.versions) == [str(one), str(two)]
    assert sum(answer.kept for answer in seen.result.answers) >= 500
    assert sum(not answer.kept for answer in seen.result.answers) >= 500
    assert support.ask(cluster.invocations, host).json() == {"predictions": [2]}
    assert seen.switch_to_first_answer is not None
    assert seen.switch_to_first_answer < 3
    last_old = seen.result.last_after(str(one), seen.called)
    assert seen.call_to_ready is not None
    assert last_old is not None
    assert last_old < seen.call_to_ready + 10


def pods_of(namespace: support.Namespace, model_version: str) -> list[support.Manifest]:
    return namespace.list("Pod", f"podium.dev/model-version-name={model_version}")


def test_ten_moves_in_a_row_between_two_warm_revisions_lose_no_request(
    cluster: installed.Cluster,
    images: installed.Images,
    podium: installed.Podium,
    namespace: support.Namespace,
    model: models.NewModel,
    host: str,
    record_property: models.Record,
) -> None:
    served = model()
    one, two = served.add(), served.add()
    served.set_alias("champion", one)
    spec = {"ingress": models.ingress(host), "rollout": {"previous": {"delay": "10m"}}}
    namespace.apply(models.model_alias("iris", served.name, images.light, **spec))
    namespace.wait_served("iris", one, START_SECONDS)
    served.set_alias("champion", two)
    namespace.wait_served("iris", two, START_SECONDS)
    support.wait_answers(cluster.invocations, host, two)

    plan = loadgen.Plan(kept=6, fresh=6, rate=200, seconds=300)
    target = loadgen.Target(cluster.invocations, host)
    moves: list[move.Move] = []
    with phases.Phases(cluster.environment, namespace.name, "iris") as watched, loadgen.running(target, plan) as load:
        for turn in range(10):
            before, after = (two, one) if turn % 2 == 0 else (one, two)
            moves.append(warm_move(load, watched, served, before, after))
        load.wait_for_answers(5000, timeout=120, since=moves[0].called)
    result = load.result

    firsts = [seen.result.first_after(seen.after, seen.called) or float("inf") for seen in moves]
    ready = [seen.call_to_ready or 0.0 for seen in moves]
    switch = [seen.switch_to_first_answer or 0.0 for seen in moves]
    record_property("figure", f"ten warm moves: {result.sent} sent, {result.failed} failed")
    for name, values in (
        ("call to first answer", firsts),
        ("call to Ready", ready),
        ("switch to first answer", switch),
    ):
        record_property("figure", f"{name}: median {statistics.median(values):.3f} s, most {max(values):.3f} s")
    assert result.failed == 0, result.describe_failures()
    assert result.sent_since(moves[0].called) >= 5000
    assert statistics.median(firsts) < 1.5
    assert max(firsts) < 10


def warm_move(load: loadgen.Load, watched: phases.Phases, served: models.Model, before: int, after: int) -> move.Move:
    seen = move.under_load(
        load, watched, (str(before), str(after)), lambda: served.set_alias("champion", after), timeout=60
    )
    time.sleep(0.5)
    return seen
