"""`podium approve` and `podium reject`: what is recorded, and what is said of the gates."""

import pytest

from podium.registry.model import entities
from tests.unit.cli.memoryregistries import ANN, Memory

OWNER = entities.Pin("u-1", "shop", "iris")


def put_policy(place: Memory, **gates: entities.Gates) -> None:
    registry = place.registry
    uid = registry.models.fresh("iris").uid
    registry.serving.put_policy(entities.Policy(uid, {alias: (OWNER, each) for alias, each in gates.items()}))


@pytest.mark.parametrize(("command", "decision"), [("approve", "approved"), ("reject", "rejected")])
def test_a_decision_is_recorded_with_who_and_why(iris: Memory, command: str, decision: str) -> None:
    result = iris.run(command, "iris", "2", "--why", "meets the target")
    assert (result.stdout, result.stderr.splitlines()) == (
        "",
        [
            f"version 2 of 'iris' is {decision} by ann (kubernetes)",
            "this is about the artifact s3://models/iris/2",
        ],
    )
    [made] = iris.registry.versions.fresh("iris", 2).approvals
    assert (made.decision, made.actor, made.why) == (decision, ANN, "meets the target")
    assert made.time_ms > 1_000_000
    assert (made.artifact, made.digest) == ("s3://models/iris/2", None)


def test_after_the_first_pull_a_decision_is_about_the_bytes_and_says_so(iris: Memory) -> None:
    digest = "sha256:" + "0a" * 32
    uid = iris.registry.models.fresh("iris").uid
    iris.registry.versions.record_digest(uid, 2, "s3://models/iris/2", digest)
    told = iris.run("approve", "iris", "2", "--why", "fine").stderr
    assert f"this is about the artifact s3://models/iris/2 ({digest})\n" in told
    found = iris.json("approve", "iris", "2", "--why", "fine")
    assert (found["artifact"], found["digest"]) == ("s3://models/iris/2", digest)


def test_every_alias_with_gates_tells_what_they_say_of_the_version_now(iris: Memory) -> None:
    bound = entities.MetricGate("accuracy", min=0.9)
    lower = entities.MetricGate("loss", not_worse_than="gone", better="Lower")
    put_policy(
        iris,
        champion=entities.Gates((bound,), {"ok": "yes"}, "Manual"),
        staging=entities.Gates((bound, lower)),
    )
    assert iris.run("approve", "iris", "2", "--why", "fine").stdout.splitlines() == [
        "ALIAS     RESULT  GATE                                        FOUND",
        "champion  passes  accuracy >= 0.9                             0.93",
        "champion  FAILS   tag ok = yes                                missing",
        "champion  passes  approval Manual                             approved by ann: fine",
        "staging   later   accuracy >= 0.9                             is read from MLflow when the alias moves",
        "staging   later   loss not worse than gone (lower is better)  is read from MLflow when the alias moves",
    ]


def test_a_rejection_fails_the_gate_that_asks_for_approval(iris: Memory) -> None:
    put_policy(iris, champion=entities.Gates(approval="Manual"))
    found = iris.json("reject", "iris", "2", "--why", "too slow")
    assert (found["model"], found["version"], found["decision"], found["user"]) == ("iris", 2, "rejected", "ann")
    assert found["aliases"] == [
        {
            "alias": "champion",
            "modelAlias": "shop/iris",
            "gates": [
                {
                    "gate": "approval Manual",
                    "result": "fails",
                    "found": "rejected by ann: too slow",
                }
            ],
        }
    ]


def test_a_modelalias_of_another_cluster_is_named_with_it(iris: Memory) -> None:
    uid = iris.registry.models.fresh("iris").uid
    owner = entities.Pin("u-2", "shop", "iris", "east")
    iris.registry.serving.put_policy(entities.Policy(uid, {"champion": (owner, entities.Gates(approval="Manual"))}))
    [alias] = iris.json("approve", "iris", "2", "--why", "fine")["aliases"]
    assert (alias["modelAlias"], alias["cluster"]) == ("shop/iris", "east")


def test_of_several_decisions_the_last_counts_and_all_stay(iris: Memory) -> None:
    for command in ("approve", "reject", "approve"):
        iris.run(command, "iris", "1", "--why", command)
    decisions = [made.decision for made in iris.registry.versions.fresh("iris", 1).approvals]
    assert decisions == ["rejected", "approved", "rejected", "approved"]


def test_unknown_models_and_versions_are_refused(iris: Memory) -> None:
    assert "did you mean 'iris'?" in iris.run("approve", "iriss", "1", "--why", "x", code=1).stderr
    assert "version=7) not found" in iris.run("approve", "iris", "7", "--why", "x", code=1).stderr
