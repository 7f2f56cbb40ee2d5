"""Gates: refused in the user's own Python call, held by the operator however the alias moved, and healed by itself."""

import contextlib
import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping

import mlflow
import pytest
from mlflow import exceptions

from podium import names
from podium.gates import wording
from podium.registry import store
from podium.registry.model import entities
from tests.support import byhand, installed, models
from tests.support import cluster as support
from tests.support import site as sites

ACCURACY: support.Manifest = {"metrics": [{"name": "accuracy", "min": 0.9}]}
ACCURATE = wording.title(entities.MetricGate("accuracy", min=0.9))
JOE = entities.Actor("joe", "test", True)


@dataclasses.dataclass
class Lab:
    """A served model whose versions have runs, and MLflow's client as its users have it."""

    site: sites.Site
    model: models.Model
    client: mlflow.MlflowClient

    def add(self, **metrics: float) -> int:
        """Logs a run, and registers a light version of it, through the tracking server."""
        number = self.model.registry.models.fresh(self.model.name).last_version + 1
        source = self.model.bucket.upload(f"{self.model.prefix}/{number}", models.light(answer=[number]))
        run = self.client.create_run("0").info.run_id
        for name, value in metrics.items():
            self.client.log_metric(run, name, value)
        made = self.client.create_model_version(self.model.name, source, run_id=run, await_creation_for=0)
        assert int(made.version) == number
        return number

    def move(self, version: int) -> None:
        """As users move an alias."""
        self.client.set_registered_model_alias(self.model.name, "champion", str(version))

    def write_past_the_store(self, version: int) -> None:
        """Somebody edits the head by hand."""
        head = self.model.registry.models.fresh(self.model.name)
        aliases = {**head.aliases, "champion": version}
        text = "".join(f"{alias}={number}\n" for alias, number in sorted(aliases.items()))
        byhand.edit(self.site.namespace.api, installed.Podium.registry_namespace, self.model.uid, {"aliases": text})

    def apply(self, **spec: typing.Any) -> None:
        """Applies the ModelAlias, and waits until the operator has seen it and its gates are in the registry."""
        generation = self.site.apply("iris", self.model.name, **spec)["metadata"]["generation"]
        seen = "is seen by the operator"
        self.site.namespace.wait(
            "ModelAlias", "iris", seen, lambda found: found.get("status", {}).get("observedGeneration") == generation
        )
        gates = self.gates()
        assert ("champion" in gates) == ("gates" in spec), gates

    def gates(self) -> Mapping[str, tuple[entities.Pin, entities.Gates]]:
        """The policy in the registry."""
        registry = self.model.registry
        return registry.serving.fresh_policy(registry.models.fresh(self.model.name)).gates

    def refused(self, reason: str, ready: str = "False") -> str:
        """Waits until the version that is asked for does not pass, for this reason; what the condition says."""
        found = self.site.namespace.wait_condition(
            "ModelAlias", "iris", names.GATES_PASSED, status="False", reason=reason
        )
        conditions = support.conditions(found)
        assert conditions["Ready"]["status"] == ready
        return str(conditions[names.GATES_PASSED]["message"])

    def events(self, reason: str) -> list[str]:
        """What Events of this reason say, which come after the condition that they are about."""

        def said() -> list[str]:
            return [each["note"] for each in self.site.namespace.list("Event") if each.get("reason") == reason]

        return support.wait_for(f"an Event {reason}", said)


@pytest.fixture
def lab(site: sites.Site, model: models.NewModel, podium: installed.Podium, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A model with a first version, which has an accuracy of 0.95."""
    for name, value in podium.mlflow_environment.items():
        monkeypatch.setenv(name, value)
    made = Lab(site, model(), mlflow.MlflowClient(podium.tracking_uri))
    made.add(accuracy=0.95)
    return made


@contextlib.contextmanager
def denied(*words: str) -> Iterator[None]:
    """The call in the block is refused, and the error holds these words."""
    with pytest.raises(exceptions.MlflowException) as refused:
        yield
    assert refused.value.error_code == "PERMISSION_DENIED"
    for each in words:
        assert each in str(refused.value)


def test_a_version_below_the_bound_is_refused_in_the_users_call_and_not_served_when_written_past_the_store(
    lab: Lab,
) -> None:
    lab.apply(gates=ACCURACY)
    lab.move(1)
    found = lab.site.wait_answers("iris", 1)
    said = support.conditions(found)[names.GATES_PASSED]
    passed = f"version 1 passes: {ACCURATE} (found 0.95). Its artifact: s3://"
    assert (said["status"], said["message"][: len(passed)]) == ("True", passed)
    bad = lab.add(accuracy=0.8)
    with lab.site.undisturbed("iris", 1):
        with denied(ACCURATE, "0.8", f"ModelAlias {lab.site.namespace.name}/iris"):
            lab.move(bad)
        assert lab.model.registry.models.fresh(lab.model.name).aliases == {"champion": 1}
        lab.write_past_the_store(bad)
        message = lab.refused(names.GATES_NOT_PASSED)
        assert f"{ACCURATE}: found not recorded when the alias moved" in message
        assert lab.site.stalled("iris", names.GATES_NOT_PASSED) == message
        assert lab.events(names.GATES_NOT_PASSED) == [message]
        assert [each["spec"]["version"] for each in lab.site.namespace.list("ModelVersion")] == [1]
    good = lab.add(accuracy=0.91)
    lab.move(good)
    lab.site.wait_answers("iris", good)


def test_a_version_is_compared_with_the_one_that_the_alias_leaves(lab: Lab) -> None:
    than = {"alias": "champion", "tolerance": 0.01, "better": "Higher"}
    lab.apply(gates={"metrics": [{"name": "accuracy", "notWorseThan": than}]})
    lab.move(1)
    lab.site.wait_answers("iris", 1)
    with denied("accuracy not worse than champion by more than 0.01", "0.93; champion has 0.95"):
        lab.move(lab.add(accuracy=0.93))
    near = lab.add(accuracy=0.94)
    lab.move(near)
    found = lab.site.wait_answers("iris", near)
    assert "0.94; champion has 0.95" in support.conditions(found)[names.GATES_PASSED]["message"]


def test_what_awaits_approval_is_not_stalled_and_moves_when_it_is_given(lab: Lab) -> None:
    lab.site.serve("iris", lab.model, 1)
    lab.apply(gates={"approval": "Manual"})
    two = lab.add(accuracy=0.96)
    with denied("approval Manual", f"podium approve {lab.model.name} {two}"):
        lab.move(two)
    lab.model.set_alias("champion", two)
    lab.refused(names.AWAITING_APPROVAL)
    found = lab.site.namespace.get("ModelAlias", "iris")
    assert not {"Stalled", "Reconciling"} & support.conditions(found).keys()
    assert len(lab.events(names.AWAITING_APPROVAL)) == 1
    lab.model.registry.versions.decide(
        lab.model.name, two, entities.Approval("approved", 0, JOE, "good on the holdout")
    )
    found = lab.site.wait_answers("iris", two)
    said = support.conditions(found)[names.GATES_PASSED]["message"]
    found = f"version {two} passes: approval Manual (found approved by joe: good on the holdout). Its artifact: s3://"
    assert said.startswith(found)


@pytest.mark.parametrize(
    "mend",
    [
        pytest.param(lambda lab: lab.site.apply("iris", lab.model.name), id="the gates are removed"),
        pytest.param(
            lambda lab: lab.client.set_model_version_tag(lab.model.name, "2", "stage", "qa"), id="the tag is set"
        ),
    ],
)
def test_a_version_that_does_not_pass_is_served_as_soon_as_it_may_be(lab: Lab, mend: Callable[[Lab], object]) -> None:
    lab.site.serve("iris", lab.model, 1)
    lab.apply(gates={"tags": {"stage": "qa"}})
    assert "version 1 stays served, but would not pass" in lab.refused(names.GATES_NOT_PASSED, ready="True")
    lab.model.set_alias("champion", lab.add())
    assert "tag stage = qa: found missing" in lab.site.stalled("iris", names.GATES_NOT_PASSED)
    mend(lab)
    lab.site.wait_answers("iris", 2)


def test_a_pin_waits_for_its_gates_and_leaves_the_alias_alone_until_then(lab: Lab) -> None:
    lab.site.serve("iris", lab.model, 1)
    two = lab.add()
    lab.apply(version=two, gates={"tags": {"stage": "qa"}})
    lab.site.stalled("iris", names.GATES_NOT_PASSED)
    assert lab.model.registry.models.fresh(lab.model.name).aliases == {"champion": 1}
    lab.client.set_model_version_tag(lab.model.name, str(two), "stage", "qa")
    lab.site.wait_answers("iris", two)
    [*_, entry] = lab.model.registry.aliases.history(lab.model.name)
    assert (entry.to_version, entry.reason) == (two, "pinned")
    rule = entities.TagGate("stage", "qa")
    record = entities.GateRecord(wording.title(rule), True, "qa", rule, entities.Outcome.MET)
    assert entry.evidence.gates == (record,)


def test_the_gates_of_a_deleted_modelalias_leave_the_registry_with_it(lab: Lab, registry: store.Registry) -> None:
    lab.apply(gates=ACCURACY)
    with denied(ACCURATE):
        lab.move(lab.add(accuracy=0.5))
    lab.site.namespace.delete("ModelAlias", "iris")
    support.wait_for("the gates to go", lambda: not lab.gates())
    lab.move(2)
    assert registry.aliases.fresh(lab.model.name, "champion").number == 2
