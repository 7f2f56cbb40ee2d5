"""Gates in the user's own call: the store on a registry in memory, metrics in MLflow's own tracking store."""

import collections.abc
import dataclasses
import re
from typing import Any

import mlflow
import pytest
from mlflow import exceptions

from podium.gates import wording
from podium.mlflow_plugin import guard, metrics, store
from podium.registry import store as registries
from podium.registry.model import entities
from podium.registry.storage import backend, keys, memory
from tests.unit.registry import factories

OWNER = entities.Pin("u1", "models", "iris")
ACCURACY = entities.MetricGate("accuracy", min=0.9)
NOT_WORSE = entities.MetricGate("accuracy", not_worse_than="champion", tolerance=0.01)


class Counting(memory.MemoryBackend):
    """Remembers what was read, and runs `interlude` before the next write."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[str] = []
        self.interlude: collections.abc.Callable[[], object] | None = None

    def get(self, name: str) -> backend.Record | None:
        self.gets.append(name)
        return super().get(name)

    def replace(self, record: backend.Record) -> backend.Record:
        if interlude := self.interlude:
            self.interlude = None
            interlude()
        return super().replace(record)


@dataclasses.dataclass
class Setting:
    """A model `iris`, the store that users call, and their tracking client."""

    records: Counting
    registry: registries.Registry
    plugin: Any
    tracking: Any

    def demand(self, alias: str = "champion", *metrics: entities.MetricGate, **others: Any) -> None:
        """Gates as the operator projects them."""
        policy = self.registry.serving.fresh_policy(self.registry.models.fresh("iris"))
        gates = {**policy.gates, alias: (OWNER, entities.Gates(metrics, **others))}
        self.registry.serving.put_policy(dataclasses.replace(policy, gates=gates))

    def version(self, **metrics: float) -> int:
        """A version of a run with these metrics."""
        run = self.tracking.create_run("0").info.run_id
        for name, value in metrics.items():
            self.tracking.log_metric(run, name, value)
        return int(self.plugin.create_model_version("iris", "s3://m/x", run).version)

    def move(self, version: int, alias: str = "champion") -> None:
        self.plugin.set_registered_model_alias("iris", alias, str(version))

    def refused(self, version: int, alias: str = "champion") -> str:
        """What the user reads whose call is refused, with nothing moved."""
        before = self.registry.models.fresh("iris")
        with pytest.raises(exceptions.MlflowException) as caught:
            self.move(version, alias)
        assert caught.value.error_code == "PERMISSION_DENIED"
        assert caught.value.get_http_status_code() == 403
        assert self.registry.models.fresh("iris") == before
        return str(caught.value)

    @property
    def last(self) -> entities.HistoryEntry:
        return self.registry.aliases.history("iris")[-1]


@pytest.fixture
def setting(tracking_uri: str) -> Setting:
    records = Counting()
    registry = registries.Registry(records)
    plugin = store.RegistryStore("configmap://models", tracking_uri, lambda: registry)
    plugin.create_registered_model("iris")
    return Setting(records, registry, plugin, mlflow.MlflowClient(tracking_uri=tracking_uri))


def test_an_alias_of_a_model_without_gates_moves_at_no_cost_and_one_beside_gates_at_the_cost_of_one_read(
    setting: Setting,
) -> None:
    number = setting.version()
    uid = setting.registry.models.fresh("iris").uid
    setting.records.gets.clear()
    setting.move(number)
    assert setting.records.gets == [uid, keys.version_name(uid, number)]
    setting.demand("staging", ACCURACY)
    setting.records.gets.clear()
    setting.move(number, "other")
    assert setting.records.gets == [uid, keys.version_name(uid, number), keys.policy_name(uid)]
    assert setting.last.evidence == entities.Evidence()


def test_a_version_that_meets_its_gates_moves_and_what_was_found_is_recorded(setting: Setting) -> None:
    setting.demand("champion", ACCURACY, tags={"approval_status": "approved"})
    number = setting.version(accuracy=0.93, other=1)
    setting.plugin.set_model_version_tag("iris", number, entities_tag("approval_status", "approved"))
    setting.move(number)
    assert setting.last.evidence == entities.Evidence(
        (
            met(ACCURACY, "0.93"),
            met(entities.TagGate("approval_status", "approved"), "approved"),
        ),
        {"accuracy": 0.93},
        "s3://m/x",
    )


def met(rule: entities.Rule, found: str) -> entities.GateRecord:
    return entities.GateRecord(wording.title(rule), True, found, rule, entities.Outcome.MET)


def entities_tag(key: str, value: str) -> Any:
    return mlflow.entities.model_registry.ModelVersionTag(key, value)


def test_a_version_that_fails_is_refused_with_every_gate_its_value_its_bound_and_what_to_do(setting: Setting) -> None:
    latency = entities.MetricGate("latency", max=20)
    setting.demand("champion", ACCURACY, latency, tags={"approval_status": "approved"}, approval="Manual")
    told = setting.refused(setting.version(accuracy=0.87, latency=12))
    for part in (
        "fails 3 of 4 gates (ModelAlias models/iris, spec.gates)",
        f"{wording.title(ACCURACY)}: found 0.87",
        f"{wording.title(entities.TagGate('approval_status', 'approved'))}: found missing",
        "client.set_model_version_tag('iris', '1', 'approval_status', 'approved')",
        f"{wording.title(entities.ApprovalGate())}: found not approved yet",
        "podium approve iris 1 --why TEXT",
    ):
        assert part in told
    assert "latency" not in told


def test_an_alias_is_held_against_what_another_designates(setting: Setting) -> None:
    setting.demand("staging", NOT_WORSE)
    first, second, third = (setting.version(accuracy=value) for value in (0.9, 0.89, 0.88))
    setting.move(second, "staging")
    assert setting.last.evidence.gates[0].value == "0.89; champion designates no version"
    setting.move(first)
    setting.move(second, "staging")
    assert setting.last.evidence.metrics == {"accuracy": 0.89, "accuracy@champion": 0.9}
    assert "found 0.88; champion has 0.9" in setting.refused(third, "staging")


def test_an_alias_is_held_against_the_version_that_it_leaves(setting: Setting) -> None:
    setting.demand("champion", NOT_WORSE)
    first, second, third = (setting.version(accuracy=value) for value in (0.9, 0.895, 0.88))
    setting.move(first)
    setting.move(second)
    assert setting.last.evidence.metrics == {"accuracy": 0.895, "accuracy@champion": 0.9}
    assert "found 0.88; champion has 0.895" in setting.refused(third)


def test_setting_an_alias_again_is_held_against_the_version_that_it_left(setting: Setting) -> None:
    first, second = (setting.version(accuracy=value) for value in (0.9, 0.5))
    setting.move(first)
    setting.move(second)  # before there were gates
    setting.demand("champion", NOT_WORSE)
    assert "found 0.5; champion has 0.9" in setting.refused(second)
    setting.tracking.log_metric(setting.registry.versions.fresh("iris", second).run_id, "accuracy", 0.95, step=1)
    setting.move(second)
    assert (setting.last.from_version, setting.last.to_version) == (second, second)
    assert setting.last.evidence.metrics == {"accuracy": 0.95, "accuracy@champion": 0.9}
    recorded = setting.registry.aliases.history("iris")
    setting.move(second)
    assert setting.registry.aliases.history("iris") == recorded


def test_the_version_that_it_left_is_found_in_archives_too(setting: Setting) -> None:
    first, second = (setting.version(accuracy=value) for value in (0.9, 0.5))
    setting.move(first)
    setting.move(second)
    for number in range(50):
        setting.registry.aliases.set("iris", "busy", 1 + number % 2, why=factories.LONG_WHY)
    head = setting.registry.models.fresh("iris")
    assert head.archives
    assert "champion" not in {entry.alias for entry in head.history}
    setting.demand("champion", NOT_WORSE)
    assert "found 0.5; champion has 0.9" in setting.refused(second)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "found NaN, by run"),
        (float("inf"), "found infinite, by run"),
        (None, "found missing: not logged"),
    ],
)
def test_a_metric_that_is_no_number_is_refused(setting: Setting, value: float | None, told: str) -> None:
    setting.demand("champion", ACCURACY)
    assert told in setting.refused(setting.version(**({} if value is None else {"accuracy": value})))


def test_a_run_and_its_logged_model_that_contradict_are_refused(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    run = setting.tracking.create_run("0").info.run_id
    model = setting.tracking.create_logged_model("0", source_run_id=run).model_id
    setting.tracking.log_metric(run, "accuracy", 0.98, timestamp=1, model_id=model)
    setting.tracking.log_metric(run, "accuracy", 0.91, timestamp=2)
    number = setting.plugin.create_model_version("iris", f"models:/{model}", run, model_id=model).version
    told = setting.refused(number)
    assert f"found contradictory: run {run} says 0.91, logged model {model} says 0.98" in told
    setting.tracking.log_metric(run, "accuracy", 0.95, timestamp=3, model_id=model)
    setting.move(number)
    assert setting.last.evidence.metrics == {"accuracy": 0.95}


def test_metrics_count_as_they_are_when_the_alias_moves_and_stay_recorded_so(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    number = setting.version(accuracy=0.8)
    run = setting.registry.versions.fresh("iris", number).run_id
    setting.refused(number)
    setting.tracking.log_metric(run, "accuracy", 0.95, step=1)
    setting.move(number)
    setting.tracking.log_metric(run, "accuracy", 0.1, step=2)
    assert setting.last.evidence.metrics == {"accuracy": 0.95}


def test_gates_that_change_before_the_write_are_asked_anew(setting: Setting) -> None:
    number = setting.version(accuracy=0.8)

    def another_writer() -> None:
        setting.demand("champion", ACCURACY)
        setting.registry.models.set_tag("iris", "a", "b")

    setting.records.interlude = another_writer
    with pytest.raises(exceptions.MlflowException, match=f"{re.escape(wording.title(ACCURACY))}: found 0.8"):
        setting.move(number)
    assert setting.registry.models.fresh("iris").aliases == {}


def test_an_incumbent_that_changes_before_the_write_is_asked_for_anew(setting: Setting) -> None:
    first, second, third = (setting.version(accuracy=value) for value in (0.5, 0.9, 0.8))
    setting.move(first)
    setting.demand("staging", NOT_WORSE)
    setting.records.interlude = lambda: setting.move(second)
    with pytest.raises(exceptions.MlflowException, match=r"found 0\.8; champion has 0\.9"):
        setting.move(third, "staging")


def test_an_approval_lets_the_move_through_and_a_rejection_stops_the_next(setting: Setting) -> None:
    setting.demand("champion", approval="Manual")
    number = setting.version()
    setting.refused(number)
    ann = entities.Actor("ann", "kubernetes", True)
    setting.registry.versions.decide("iris", number, entities.Approval("approved", 1, ann, "checked by hand"))
    setting.move(number)
    assert setting.last.evidence.gates == (met(entities.ApprovalGate(), "approved by ann: checked by hand"),)
    setting.move(setting.version(), "other")
    setting.registry.versions.decide("iris", number, entities.Approval("rejected", 2, ann, "too slow"))
    assert f"{wording.title(entities.ApprovalGate())}: found rejected by ann: too slow" in setting.refused(number)


def test_gates_that_cannot_be_read_stop_the_move(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    number = setting.version(accuracy=0.95)
    record = setting.records.get(keys.policy_name(setting.registry.models.fresh("iris").uid))
    assert record
    setting.records.replace(dataclasses.replace(record, data={**record.data, "gates": "{}\n"}))
    with pytest.raises(exceptions.MlflowException, match="-policy, key 'gates': line 1") as caught:
        setting.move(number)
    assert caught.value.error_code == "RESOURCE_CONFLICT"
    assert setting.registry.models.fresh("iris").aliases == {}


def test_a_tracking_store_that_does_not_answer_moves_nothing(setting: Setting, tmp_path: Any) -> None:
    setting.demand("champion", ACCURACY)
    number = setting.version(accuracy=0.95)
    (tmp_path / "file").write_text("no folder")
    elsewhere = store.RegistryStore("configmap://models", f"sqlite:///{tmp_path}/file/x.db", lambda: setting.registry)
    with pytest.raises(
        exceptions.MlflowException, match="the alias was not moved: its gates ask for metrics"
    ) as caught:
        elsewhere.set_registered_model_alias("iris", "champion", number)
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"
    assert setting.registry.models.fresh("iris").aliases == {}


def conflict(call: collections.abc.Callable[[], object]) -> str:
    """The sentence of a RESOURCE_CONFLICT (409), which clients do not repeat."""
    with pytest.raises(exceptions.MlflowException) as caught:
        call()
    assert caught.value.error_code == "RESOURCE_CONFLICT"
    return str(caught.value)


def test_an_alias_with_gates_is_not_dropped_so_that_nothing_comes_in_by_an_empty_place(setting: Setting) -> None:
    setting.demand("champion", NOT_WORSE)
    setting.demand("staging", ACCURACY)
    number = setting.version(accuracy=0.9)
    setting.move(number)
    before = setting.registry.models.fresh("iris")
    told = "alias 'champion' of 'iris' has gates, from ModelAlias models/iris, and cannot be deleted"
    assert told in conflict(lambda: setting.plugin.delete_registered_model_alias("iris", "champion"))
    assert told in conflict(lambda: setting.plugin.delete_model_version("iris", number))
    assert setting.registry.models.fresh("iris") == before
    setting.plugin.delete_registered_model_alias("iris", "staging")  # is not there, which is fine
    setting.move(setting.version(accuracy=0.95))
    setting.plugin.delete_model_version("iris", number)


def test_other_aliases_and_versions_are_dropped_as_ever(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    number = setting.version()
    setting.move(number, "other")
    setting.plugin.delete_registered_model_alias("iris", "other")
    setting.move(number, "other")
    setting.plugin.delete_model_version("iris", number)
    assert [entry.reason for entry in setting.registry.aliases.history("iris")] == [
        "set",
        "deleted",
        "set",
        "version-deleted",
    ]


def test_gates_follow_a_model_to_its_new_name(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    number = setting.version(accuracy=0.87)
    setting.plugin.rename_registered_model("iris", "flower")
    title = re.escape(wording.title(ACCURACY))
    with pytest.raises(exceptions.MlflowException, match=rf"version 1 of 'flower' .*\n- {title}: found 0\.87"):
        setting.plugin.set_registered_model_alias("flower", "champion", number)


def test_a_model_that_is_deleted_and_made_again_has_no_gates_until_it_is_given_some(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    setting.plugin.delete_registered_model("iris")
    setting.plugin.create_registered_model("iris")
    assert setting.registry.serving.fresh_policy(setting.registry.models.fresh("iris")).gates == {}


def test_the_alias_of_a_prompt_is_gated_too(setting: Setting) -> None:
    setting.plugin.create_prompt("greeting")
    setting.plugin.create_prompt_version("greeting", "Hello {{name}}")
    uid = setting.registry.models.fresh("greeting").uid
    gates = entities.Gates(approval="Manual")
    setting.registry.serving.put_policy(entities.Policy(uid, {"production": (OWNER, gates)}))
    with pytest.raises(exceptions.MlflowException, match="podium approve greeting 1"):
        setting.plugin.set_prompt_alias("greeting", "production", 1)
    assert setting.registry.models.fresh("greeting").aliases == {}


def test_a_copied_version_is_judged_by_the_run_and_the_logged_model_of_its_origin(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    setting.plugin.create_registered_model("origin")
    copies = []
    for of_model, of_run in ((0.8, 0.8), (0.95, 0.97), (0.95, 0.95)):
        run = setting.tracking.create_run("0").info.run_id
        model = setting.tracking.create_logged_model("0", source_run_id=run).model_id
        setting.tracking.log_metric(run, "accuracy", of_model, timestamp=1, model_id=model)
        setting.tracking.log_metric(run, "accuracy", of_run, timestamp=2)
        origin = setting.plugin.create_model_version("origin", f"models:/{model}", run, model_id=model)
        copies.append(setting.plugin.copy_model_version(origin, "iris").version)
    assert "found 0.8" in setting.refused(copies[0])
    assert "contradictory" in setting.refused(copies[1])
    setting.move(copies[2])


def test_a_move_that_was_made_elsewhere_is_judged_and_recorded_but_not_refused(setting: Setting) -> None:
    setting.demand("champion", ACCURACY)
    number = setting.version(accuracy=0.5)
    guards = guard.Guards(setting.registry, metrics.Metrics(setting.plugin._tracking_uri))
    head, version = setting.registry.models.fresh("iris"), setting.registry.versions.fresh("iris", number)
    assert guards.evidence(head, "champion", version) == entities.Evidence(
        (entities.GateRecord(wording.title(ACCURACY), False, "0.5", ACCURACY, entities.Outcome.UNMET),),
        {"accuracy": 0.5},
        "s3://m/x",
    )
    assert guards.evidence(head, "other", version) == entities.Evidence()
