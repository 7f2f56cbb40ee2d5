"""An alias that moves about in any order, between pods that come and go, with an operator that dies at any instant.

The alias goes and comes back, somebody pauses, deletes revisions and changes them by hand. Whatever happens, no more
than two versions answer at a time, nobody who answers is replaced by pods that are not Ready, what is served is there,
and when it is quiet the traffic is where the alias is.
"""

import datetime

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from podium import names
from podium.rollout import worlds
from tests.support import effort
from tests.unit.rollout import simulator

VERSIONS = st.integers(1, 3)
PODS = 2
READY = st.tuples(*[st.integers(0, PODS)] * 3)
"""How many pods of versions 1, 2 and 3 are Ready."""


class Moved(stateful.RuleBasedStateMachine):
    """One ModelAlias. Pods crash and come back one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = simulator.Cluster()
        self.alias = 1

    @stateful.initialize(overlap=st.sampled_from(["0s", "2s"]), delay=st.sampled_from(["0s", "9s"]))
    def version_1_is_served(self, overlap: str, delay: str) -> None:
        rollout = {"overlap": overlap, "previous": {"delay": delay}}
        self.cluster = simulator.Cluster(template={"replicas": PODS}, rollout=rollout)
        self.the_alias_moves(1)
        self.cluster.settle()
        assert self.cluster.answering() == {1}

    @stateful.rule(version=VERSIONS)
    def the_alias_moves(self, version: int) -> None:
        self.cluster.designate(version)
        self.alias = version

    @stateful.rule()
    def the_alias_goes(self) -> None:
        self.cluster.designation = worlds.Problem(names.ALIAS_NOT_FOUND, "gone")

    @stateful.rule(paused=st.booleans())
    def somebody_pauses(self, paused: bool) -> None:
        self.cluster.spec = self.cluster.spec.model_copy(update={"paused": paused})

    @stateful.rule(version=VERSIONS)
    def somebody_deletes_a_revision(self, version: int) -> None:
        for revision in [each for each in self.cluster.revisions.values() if each.version == version]:
            del self.cluster.revisions[revision.name]
        self.cluster.endpoints_follow()

    @stateful.rule(version=VERSIONS)
    def somebody_changes_a_revision(self, version: int) -> None:
        for revision in self.cluster.revisions.values():
            if revision.version == version:
                changed = revision.manifest["spec"] | {"runtime": {"workers": 9}}
                revision.manifest = revision.manifest | {"spec": changed}

    @stateful.rule(ready=READY)
    def pods_come_and_go(self, ready: tuple[int, ...]) -> None:
        for revision in self.cluster.revisions.values():
            revision.ready = ready[revision.version - 1]

    @stateful.rule()
    def all_pods_become_ready(self) -> None:
        self.cluster.pods_become_ready()

    @stateful.rule(seconds=st.sampled_from([0.5, 3, 10]))
    def time_passes(self, seconds: float) -> None:
        self.cluster.now += datetime.timedelta(seconds=seconds)

    @stateful.rule()
    def endpoints_follow(self) -> None:
        self.cluster.endpoints_follow()

    @stateful.rule(dies_after=st.sampled_from([None, None, None, 0, 1, 2, 3, 4, 5]))
    def the_operator_looks(self, dies_after: int | None) -> None:
        before = self.cluster.selected() & self.cluster.endpoints
        self.cluster.pass_once(dies_after)
        assert not before or self.cluster.selected(), "pods that answer are replaced by none"

    @stateful.rule(to=VERSIONS, seconds=st.sampled_from([0, 2.5]), back_to=st.none() | VERSIONS)
    def a_switch_begins_and_is_turned_back(self, to: int, seconds: float, back_to: int | None) -> None:
        self.the_alias_moves(to)
        self.the_operator_looks(None)
        self.all_pods_become_ready()
        self.the_operator_looks(None)
        self.time_passes(seconds)
        self.the_operator_looks(None)
        if back_to:
            self.the_alias_moves(back_to)
            self.the_operator_looks(None)

    @stateful.rule(ready=READY, dies_after=st.sampled_from([None, None, 2]))
    def the_operator_looks_when_pods_have_come_or_gone(self, ready: tuple[int, ...], dies_after: int | None) -> None:
        self.pods_come_and_go(ready)
        self.the_operator_looks(dies_after)

    @stateful.invariant()
    def no_more_than_two_answer(self) -> None:
        assert len(self.cluster.answering()) <= 2

    @stateful.invariant()
    def the_history_tells_each_transition_once(self) -> None:
        ids = [entry.id for entry in self.cluster.status.history]
        assert len(ids) == len(set(ids))

    @stateful.invariant()
    def an_abort_leaves_the_served_version_as_it_was(self) -> None:
        rollout, served = self.cluster.status.rollout, self.cluster.status.served
        if rollout and (rollout.aborting or rollout.phase == "Aborted"):
            assert served == rollout.from_

    def teardown(self) -> None:
        if not self.cluster.revisions:
            return
        if self.cluster.status.served:  # whatever is desired, somebody answers: what is served is there as it was made
            self._settle()
            assert self.cluster.answering() == {self.cluster.status.served.version}
            assert self.cluster.revisions[self.cluster.status.served.name].manifest["spec"].get("runtime") is None
        self.somebody_pauses(paused=False)
        self.the_alias_moves(self.alias)
        self._settle()
        assert self.cluster.answering() == {self.alias}
        assert self.cluster.status.served is not None
        assert self.cluster.status.served.version == self.alias
        assert self.cluster.claimed_versions == {self.alias}

    def _settle(self) -> None:
        for _ in range(20):
            self.all_pods_become_ready()
            self.endpoints_follow()
            self.the_operator_looks(None)
            self.time_passes(3)


TestMoved = Moved.TestCase
TestMoved.settings = hypothesis.settings(max_examples=effort.examples(100), stateful_step_count=40, deadline=None)
