"""What is asked for is told before anything fails. What fails is told once, and stays told until it is done."""

import dataclasses
import json
import logging
import typing

import pytest

from podium import errors, names
from podium.engine import reconciliation, wakeups
from podium.kube import resources
from podium.process import logs
from podium.registry.model import entities
from podium.rollout import actions, worlds
from tests.unit.rollout import simulator

KEY = ("models", "champion")


class Cluster(simulator.Cluster):
    """Gatherer, executor and registries in one, where some children are refused."""

    def __init__(self, **fields: object) -> None:
        super().__init__(**fields)
        self.refusal: errors.PodiumError | None = None
        self.refused_kind = "Ingress"
        self.statuses: list[str] = []
        self.is_gone = False
        self.stale: list[tuple[str, str, entities.Pin]] = []
        self.released: list[str] = []
        self.projected: list[tuple[str, str]] = []
        self.forbidden_policy = False
        self.failing_status: Exception | None = None
        self.left_for: float | None = None
        """For how long the object is left to another installation."""
        self.announced: list[str] = []
        self.faults: list[str] = []

    def gather_alias(self, key: resources.Key) -> worlds.World | None:
        if self.is_gone:
            return None
        self.pods_become_ready()
        self.endpoints_follow()
        world = self.world()
        is_due = world.spec.gates is not None and world.registry.registered_uid is not None
        return dataclasses.replace(world, registry=dataclasses.replace(world.registry, is_policy_due=is_due))

    async def find_delay(self, kind: str, key: resources.Key) -> float | None:
        return self.left_for

    def resolve(self, given: str | None) -> str:
        return given or "registry"

    async def write_policy(self, registry: str, model_uid: str) -> None:
        if self.forbidden_policy:
            raise errors.Forbidden("policy")
        self.projected.append((registry, model_uid))

    def find_stale(self) -> list[tuple[str, str, entities.Pin]]:
        return self.stale

    async def release_holder(self, registry: str, model_uid: str, holder: entities.Pin) -> None:
        if registry == "broken":
            raise errors.Forbidden("cannot update configmaps")
        self.released.append(holder.uid)

    def has_predecessor(self, key: resources.Key) -> bool:
        return False

    async def carry_out(self, world: worlds.World, plan: actions.Plan) -> None:
        for action in plan.actions:
            if self.refusal and isinstance(action, actions.Apply) and action.manifest["kind"] == self.refused_kind:
                raise self.refusal
            if isinstance(action, actions.WritePolicy):
                await self.write_policy("registry", action.model_uid)
            if isinstance(action, actions.WriteStatus):
                if self.failing_status:
                    raise self.failing_status
                stalled = next((c.reason for c in action.status.conditions if c.type == "Stalled"), "")
                self.statuses.append(stalled)
            self._do(action)

    async def announce_failure(self, kind: str, key: resources.Key, error: Exception) -> None:
        self.announced.append(str(error))

    async def write_fault(self, kind: str, key: resources.Key, error: Exception) -> None:
        self.faults.append(str(error))


def an_alias(**fields: object) -> tuple[Cluster, reconciliation.Reconciler]:
    cluster = Cluster(template={"replicas": 1}, ingress={"host": "iris.example.com"}, **fields)
    cluster.designate(1)
    return cluster, reconciliation.Reconciler(cluster, cluster, cluster, cluster, cluster)  # type: ignore[arg-type] -- it is all that is asked


async def look(reconciler: reconciliation.Reconciler, times: int = 6, *, is_lasting: bool = False) -> list[str]:
    """Look several times; what was raised."""
    raised = []
    for _ in range(times):
        try:
            await reconciler.reconcile((names.MODEL_ALIAS_KIND, *KEY), is_lasting=is_lasting)
        except Exception as error:  # noqa: BLE001 -- faults of our own too
            raised.append(str(error))
    return raised


async def test_a_child_that_is_refused_after_the_status_was_written_is_told_without_flapping() -> None:
    cluster, reconciler = an_alias()
    cluster.refusal = errors.KubeInvalid(422, "Invalid", "annotation key 'a b' is no name")
    assert len(await look(reconciler)) > 2
    assert cluster.condition("Stalled") == ("True", "Refused")
    assert [each.message for each in cluster.said if each.warning] == [str(cluster.refusal)]
    cluster.statuses.clear()
    assert len(await look(reconciler)) == 6
    assert cluster.statuses == []
    assert len([each for each in cluster.said if each.warning]) == 1
    cluster.refusal = None
    assert await look(reconciler) == []
    assert cluster.condition("Stalled") is None
    assert cluster.condition("Ready") == ("True", "Served")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.KubeForbidden(403, "Forbidden", "cannot create ingresses"), "Forbidden"),
        (errors.Forbidden("cannot update configmaps"), "Forbidden"),
        (errors.InvalidInput("the API server refuses the ConfigMap"), "Refused"),
        (errors.InUse("ModelAlias a/b owns it"), names.ALIAS_OWNED_ELSEWHERE),
        (errors.CorruptRegistry("iris-x", "aliases", "is nonsense"), names.REGISTRY_CORRUPT),
        (errors.NameTaken("Service models/champion is needed, but somebody else made it"), names.NAME_TAKEN),
        (errors.TooLarge("the head would pass its bound"), "Refused"),
    ],
    ids=[
        "no permission",
        "no permission in the registry",
        "a value that no ConfigMap can hold",
        "pinned elsewhere",
        "nonsense in the registry",
        "a name that is taken",
        "too large",
    ],
)
async def test_what_only_a_person_can_mend_is_told(error: errors.PodiumError, reason: str) -> None:
    cluster, reconciler = an_alias()
    cluster.refusal, cluster.refused_kind = error, names.MODEL_VERSION_KIND
    assert await look(reconciler, 2) == [str(error)] * 2
    assert cluster.condition("Stalled") == ("True", reason)


async def test_traffic_does_not_count_as_moving_while_the_registry_refuses_the_claim() -> None:
    cluster, reconciler = an_alias()
    await look(reconciler)
    cluster.designate(2)
    cluster.registry["model-uid"].remove(2)
    assert "no versions (1, 2)" in (await look(reconciler))[-1]
    assert cluster.condition("Stalled") == ("True", "Refused")
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    cluster.designate(1)
    assert await look(reconciler) == []
    assert cluster.condition("Ready") == ("True", "Served")


async def test_a_new_spec_is_not_blamed_for_what_was_refused_of_the_old_one() -> None:
    cluster, reconciler = an_alias()
    cluster.refusal = errors.KubeInvalid(422, "Invalid", "annotation key 'a b' is no name")
    await look(reconciler)
    assert cluster.condition("Ready") == ("False", "Refused")
    cluster.refusal, cluster.metadata["generation"] = None, 2
    cluster.statuses.clear()
    assert await look(reconciler) == []
    assert set(cluster.statuses) == {""}


async def test_a_registry_that_does_not_answer_is_tried_again_and_not_told_at_first() -> None:
    cluster, reconciler = an_alias()
    cluster.refusal, cluster.refused_kind = errors.Unavailable("no answer"), names.MODEL_VERSION_KIND
    assert await look(reconciler, 2) == ["no answer"] * 2
    assert cluster.statuses == [""]
    assert cluster.status.last_error is None
    assert cluster.condition(names.RECONCILING) == ("True", names.Phase.PREPARING)


FAILURES: list[Exception] = [
    errors.KubeUnavailable(500, "InternalError", "failed calling webhook: connection refused"),
    errors.KubeUnavailable(0, "Timeout", "PATCH /apis: no answer in time"),
    errors.KubeConflict(409, "Conflict", "the object has been modified"),
    errors.Conflict("too many writers"),
    errors.Unavailable("the API server did not update a ConfigMap"),
    errors.KubeNotFound(404, "NotFound", "namespace not found"),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: str(error).partition(":")[0])
async def test_a_move_that_cannot_begin_is_told_with_what_is_asked_for_and_the_last_error(error: Exception) -> None:
    cluster, reconciler = an_alias()
    await look(reconciler)
    assert cluster.condition("Ready") == ("True", "Served")
    cluster.designate(2)
    cluster.refusal, cluster.refused_kind = typing.cast(errors.PodiumError, error), names.MODEL_VERSION_KIND
    assert len(await look(reconciler, 1)) == 1
    assert cluster.status.desired is not None
    assert cluster.status.desired.version == 2
    assert cluster.condition("Ready") == ("False", "Preparing")
    assert len(await look(reconciler, 48, is_lasting=True)) == 48
    assert cluster.condition("Ready") == ("False", names.RETRYING)
    assert cluster.condition(names.RECONCILING) == ("True", names.RETRYING)
    assert cluster.condition("Stalled") is None
    told = next(each.message for each in cluster.status.conditions if each.type == names.RECONCILING)
    assert str(error) in told
    assert len(cluster.statuses) <= 8, "each thing is written once"
    cluster.refusal = None
    assert await look(reconciler, is_lasting=True) == []
    cluster.wait(3)
    await look(reconciler)
    assert cluster.status.last_error is None
    assert cluster.condition("Ready") == ("True", "Served")


async def test_a_fault_of_the_operators_own_is_told_and_somebody_is_asked_to_report_it() -> None:
    cluster, reconciler = an_alias()
    cluster.refusal = typing.cast(errors.PodiumError, KeyError("spec"))
    cluster.refused_kind = names.MODEL_VERSION_KIND
    await look(reconciler, 3, is_lasting=True)
    assert cluster.condition("Stalled") == ("True", names.INTERNAL_ERROR)
    assert cluster.status.last_error is not None
    assert "KeyError: 'spec'" in cluster.status.last_error.message
    assert "report it" in cluster.status.last_error.message
    cluster.refusal = None
    await look(reconciler)
    assert cluster.condition("Stalled") is None


async def test_what_varies_in_a_refusal_is_no_news() -> None:
    cluster, reconciler = an_alias()
    await look(reconciler)
    cluster.spec = simulator.spec(template={"replicas": 1}, ingress={"host": "other.example.com"})
    for attempt in range(50):
        text = (
            f'admission webhook "validate.nginx": 2026/11/28 11:0{attempt}: /tmp/nginx-cfg{attempt}: host "{attempt}"'
        )
        cluster.refusal = errors.KubeInvalid(400, "Invalid", text)
        await look(reconciler, 1)
        if attempt == 1:
            cluster.statuses.clear()
    assert cluster.statuses == []
    assert [each.reason for each in cluster.said if each.warning] == ["Refused"]


async def test_a_refusal_outlasts_a_restart_and_is_not_said_anew() -> None:
    cluster, reconciler = an_alias()
    cluster.refusal = errors.KubeInvalid(422, "Invalid", "annotation key 'a b' is no name")
    await look(reconciler)
    cluster.statuses.clear()
    heir = reconciliation.Reconciler(cluster, cluster, cluster, cluster, cluster)  # type: ignore[arg-type] -- as in an_alias
    assert len(await look(heir)) == 6
    assert cluster.statuses == []


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (errors.KubeUnavailable(500, "", "webhook of the status"), ([FAILURES[0].args[0]], [])),
        (errors.KubeConflict(409, "", "old"), ([], [])),
        (KeyError("conditions"), ([], [FAILURES[0].args[0]])),
    ],
    ids=["an Event says it", "the next pass says it", "the conditions say it and nothing else is touched"],
)
async def test_what_cannot_be_written_into_the_status_is_told_in_another_way(
    failing: Exception, said: tuple[list[str], list[str]]
) -> None:
    cluster, reconciler = an_alias()
    cluster.refusal, cluster.refused_kind = typing.cast(errors.PodiumError, FAILURES[0]), names.MODEL_VERSION_KIND
    await look(reconciler, 1)
    cluster.failing_status = failing
    assert await look(reconciler, 1, is_lasting=True) == [str(FAILURES[0])]
    assert (cluster.announced, cluster.faults) == said


async def test_gates_are_in_the_registry_before_anything_is_done_by_them() -> None:
    cluster, reconciler = an_alias(gates={"approval": "Manual"})
    cluster.forbidden_policy = True
    assert set(await look(reconciler, 2)) == {"policy"}
    assert cluster.condition("Stalled") == ("True", "Forbidden")
    assert cluster.condition(names.GATES_PASSED) == ("False", names.AWAITING_APPROVAL)
    cluster.forbidden_policy = False
    assert await look(reconciler) == []
    assert cluster.condition("Stalled") is None
    assert cluster.projected
    assert set(cluster.projected) == {("registry", "model-uid")}


async def test_a_policy_is_looked_at_by_its_own_key() -> None:
    cluster, reconciler = an_alias()
    await reconciler.reconcile((wakeups.POLICY, "registry", "model-uid"))
    assert cluster.projected == [("registry", "model-uid")]


async def test_what_is_logged_in_a_pass_names_the_generation_and_the_transition() -> None:
    cluster, reconciler = an_alias()
    await look(reconciler)
    with logs.bound(name="champion"):
        await look(reconciler, times=1)
        line = json.loads(logs.Formatter().format(logging.makeLogRecord({"msg": "applied"})))
    assert cluster.status.rollout is not None
    assert (line["generation"], line["transition"]) == (1, cluster.status.rollout.id)


async def test_a_claim_that_cannot_be_released_keeps_no_other_from_being_released() -> None:
    cluster, reconciler = an_alias()
    cluster.is_gone = True
    elsewhere = entities.Pin("theirs", "models", "elsewhere")
    cluster.stale = [("broken", "iris-x", elsewhere), ("registry", "iris-x", entities.Pin("mine", *KEY))]
    assert await look(reconciler, times=1) == []
    assert cluster.released == ["mine"]
    cluster.stale = [
        ("broken", "iris-x", entities.Pin("mine", *KEY)),
        ("registry", "iris-y", entities.Pin("too", *KEY)),
    ]
    assert await look(reconciler, times=1) == ["cannot update configmaps"]
    assert cluster.released == ["mine", "too"]


async def test_what_is_left_to_another_installation_is_not_touched_and_is_looked_at_again() -> None:
    cluster, reconciler = an_alias()
    cluster.left_for = 30.0
    assert await reconciler.reconcile((names.MODEL_ALIAS_KIND, *KEY)) == 30.0
    assert (cluster.log, cluster.statuses) == ([], [])
