"""Gates hold in any order of events: only a version that passes begins to receive traffic, what is served stays."""

import datetime
import typing

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from podium.rollout import actions, gating, revisions, worlds
from tests.support import effort
from tests.unit.rollout import simulator

VERSIONS = st.integers(1, 4)
METRICS = st.sampled_from([None, {}, {"accuracy": 0.8}, {"accuracy": 0.95}])
GATES: list[dict[str, typing.Any] | None] = [
    None,
    {"metrics": [{"name": "accuracy", "min": 0.9}]},
    {"tags": {"stage": "qa"}},
    {"approval": "Manual"},
    {"metrics": [{"name": "accuracy", "min": 0.9}], "tags": {"stage": "qa"}, "approval": "Manual"},
]
ROLLOUT = {"overlap": "2s", "previous": {"delay": "9s"}}


class Gated(stateful.RuleBasedStateMachine):
    """A ModelAlias whose registry, spec, pods and time change as they please; the operator looks and dies likewise."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = simulator.Cluster(
            template={"replicas": 1}, rollout={"overlap": "2s", "previous": {"delay": "9s"}}
        )
        self.let_in: set[str] = set()
        """Revisions that have passed since they last had no traffic, or had it before they had to."""

    @stateful.initialize(gates=st.sampled_from(GATES))
    def version_1_is_served_and_then_gates_are_added(self, gates: dict[str, typing.Any] | None) -> None:
        self.the_alias_moves(1, None)
        self.the_operator_works()
        self.the_spec_changes(gates, workers=2, paused=False)

    @stateful.rule(version=VERSIONS, metrics=METRICS)
    def the_alias_moves(self, version: int, metrics: dict[str, float] | None) -> None:
        self.cluster.designate(version, metrics=metrics)
        self.cluster.pinned_from = None

    @stateful.rule()
    def the_alias_goes(self) -> None:
        self.cluster.designation = worlds.Problem("AliasNotFound", "gone")

    @stateful.rule(version=VERSIONS, decision=st.sampled_from(["approved", "rejected"]))
    def somebody_decides(self, version: int, decision: typing.Literal["approved", "rejected"]) -> None:
        self.cluster.decide_about(version, decision)

    @stateful.rule(version=VERSIONS, stage=st.sampled_from(["qa", "none"]))
    def somebody_tags(self, version: int, stage: str) -> None:
        self.cluster.tag(version, stage=stage)

    @stateful.rule(
        gates=st.sampled_from(GATES),
        workers=st.sampled_from([2, 3]),
        paused=st.sampled_from([False, False, False, True]),
    )
    def the_spec_changes(self, gates: dict[str, typing.Any] | None, workers: int, paused: bool) -> None:
        template = {"replicas": 1, "runtime": {"workers": workers}}
        self.cluster.spec = simulator.spec(template=template, gates=gates, paused=paused, rollout=ROLLOUT)

    @stateful.rule()
    def pods_become_ready(self) -> None:
        self.cluster.pods_become_ready()

    @stateful.rule(version=VERSIONS)
    def pods_crash(self, version: int) -> None:
        for revision in self.cluster.revisions.values():
            revision.ready = 0 if revision.version == version else revision.ready

    @stateful.rule(seconds=st.sampled_from([1, 3, 10, 700]))
    def time_passes(self, seconds: int) -> None:
        self.cluster.now += datetime.timedelta(seconds=seconds)
        self.cluster.endpoints_follow()

    @stateful.rule(dies_after=st.sampled_from([None, None, None, 0, 1, 2, 3]))
    def the_operator_looks(self, dies_after: int | None) -> None:
        before = self.receiving()
        world = self.cluster.world()
        if may_receive(world):
            self.let_in |= {
                desired.ref.name
                for desired in [revisions.find_desired(world)]
                if isinstance(desired, revisions.Desired)
            }
        plan = self.cluster.pass_once(dies_after)
        after = self.receiving()
        assert after - before <= self.let_in, "a version that never passed receives traffic"
        assert not before or after, "what is served is torn down"
        assert not any(isinstance(each, actions.Delete) and each.name in after for each in plan.actions)
        self.let_in &= after | ({self.moving()} if self.moving() else set()) | self.passing()

    @stateful.rule()
    def the_operator_works(self) -> None:
        for _ in range(4):
            self.cluster.pods_become_ready()
            self.time_passes(3)
            self.the_operator_looks(None)

    def receiving(self) -> set[str]:
        """Revisions that the Service selects: one, or while it overlaps all that have pods."""
        name = (self.cluster.selector or {}).get("podium.dev/model-version-name")
        if self.cluster.selector is None:
            return set()
        return {n for n, r in self.cluster.revisions.items() if (name is None and r.replicas) or n == name}

    def moving(self) -> str:
        rollout = self.cluster.status.rollout
        return rollout.to.name if rollout and rollout.phase in ("Overlapping", "Switching") else ""

    def passing(self) -> set[str]:
        world = self.cluster.world()
        desired = revisions.find_desired(world)
        return {desired.ref.name} if isinstance(desired, revisions.Desired) and may_receive(world) else set()


def may_receive(world: worlds.World) -> bool:
    """By the gates' own function: the version asked for passes, or its number and source have traffic already."""
    if isinstance(world.registry.designation, worlds.Problem):
        return False
    if world.spec.gates is None:
        return True
    assert world.registry.designation.facts is not None
    if gating.judge(gating.read_spec(world.spec.gates), world.registry.designation.facts).passed:
        return True
    rollout = world.status.rollout
    moving = rollout.to if rollout and rollout.phase in ("Overlapping", "Switching") else None
    return world.registry.designation.version in {ref.version for ref in (world.status.served, moving) if ref}


TestGated = Gated.TestCase
TestGated.settings = hypothesis.settings(max_examples=effort.examples(60), stateful_step_count=40, deadline=None)
