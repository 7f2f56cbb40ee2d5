"""ModelAlias: this stable endpoint serves whichever version the alias designates."""

import enum
from typing import Any, Literal

import pydantic

from podium import names
from podium.api import common, model_version
from podium.api import gates as gates_api


class Template(model_version.Template):
    """How each version is served: a ModelVersion's spec without model, version, source, registry and ingress."""

    ingress: dict[str, Any] | None = common.untyped("Refused here: the alias owns the host, see spec.ingress.")

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.cel(
                "!has(self.ingress)",
                "a template has no ingress: the alias owns the host, write it in spec.ingress of the ModelAlias",
            ),
            model_version.require_patience("smokeTest", "probes"),
        )
    )


class Previous(common.Model):
    """What happens to the version that was served before."""

    delay: common.Duration = pydantic.Field(
        "60s",
        description="How long its pods stay after the switch, so that a return is quick and kept-alive connections can "
        "end. When the rollout of a third version begins, they stay 5 more seconds at most.",
    )


class Rollout(common.Model):
    """How traffic moves from the served version to the desired one."""

    strategy: Literal["BlueGreen"] = pydantic.Field(
        "BlueGreen",
        description="BlueGreen: the new version's pods are all Ready before any traffic moves, then all of it moves.",
    )
    overlap: common.Duration = pydantic.Field(
        "2s",
        description="How long both versions answer during a switch, so that no request is lost while ingress "
        "controllers exchange the endpoints. 0s: all traffic moves in one step.",
    )
    progress_deadline: common.PositiveDuration | None = pydantic.Field(
        None,
        description="How long the new version may take to become Ready before the rollout counts as failed: no shorter "
        "than what one of its pods may take, which is template.puller.timeout (10m by default) and the patience of "
        "template.probes.startup (5m by default). Default: the sum of these and one minute. A failed revision is tried "
        "again when the version or the template changes, when this is raised, or when the annotation podium.dev/retry "
        "changes.",
    )
    smoke_test: model_version.SmokeTest | None = pydantic.Field(
        None,
        description="The request that each worker of a new version must answer before the version receives traffic. "
        "Goes before template.smokeTest, and is part of the pods as that is: a change makes a new revision.",
    )
    previous: Previous = pydantic.Field(
        default_factory=Previous, description="What happens to the version that was served before."
    )
    revision_history_limit: int = pydantic.Field(
        5,
        description="How many retired revisions are kept, scaled to 0, so that a return needs no new objects.",
        ge=0,
        le=100,
    )


_PULL = "has(self.template) && has(self.template.puller) && has(self.template.puller.timeout)"
_STARTUP = "has(self.template) && has(self.template.probes) && has(self.template.probes.startup)"
LONG_ENOUGH = common.cel(
    "!has(self.rollout) || !has(self.rollout.progressDeadline) || duration(self.rollout.progressDeadline).getSeconds() "
    f">= ({_PULL} ? duration(self.template.puller.timeout).getSeconds() : 600) + ({_STARTUP} ? "
    "self.template.probes.startup.periodSeconds * self.template.probes.startup.failureThreshold : 300)",
    "write a rollout.progressDeadline that is no shorter than what a pod may take, which is template.puller.timeout "
    "(10m by default) and template.probes.startup.periodSeconds x failureThreshold (5m by default): lower these, or "
    "leave it out",
)
"""CEL of `spec`: a rollout does not fail while its pods may still pull and load."""


class ModelAliasSpec(common.Model):
    """Which alias of which registered model is served here, and how."""

    model: str = common.model_name_field()
    alias: str = pydantic.Field(
        description="Name of the alias, exactly as in MLflow (case-sensitive), such as champion. Immutable.",
        min_length=1,
        max_length=255,
        json_schema_extra=common.validated(
            common.immutable("spec.alias"),
            common.ALIAS_RULE,
        ),
    )
    version: int | None = pydantic.Field(
        None,
        description="A pin: serve this version and write the alias into the registry, so that Git is the truth. "
        "Absent: follow the registry.",
        ge=1,
        le=names.VERSION_LIMIT,
    )
    template: Template = pydantic.Field(default_factory=Template, description="How each version is served.")
    gates: gates_api.Gates | None = pydantic.Field(
        None,
        description="What a version must meet before the alias may designate it and traffic may move to it. Who moves "
        "the alias in MLflow is told at once, as the error of that call; the operator moves no traffic to a version "
        "that does not meet them, however the alias came to designate it. What is served already stays served when "
        "gates are added or changed. Default: no gates.",
    )
    rollout: Rollout = pydantic.Field(
        default_factory=Rollout, description="How traffic moves from the served version to the desired one."
    )
    registry: common.RegistryReference = pydantic.Field(
        default_factory=common.RegistryReference, description="Which registry holds the model."
    )
    ingress: common.Ingress | None = pydantic.Field(None, description="An Ingress in front of the alias's Service.")
    paused: bool = pydantic.Field(
        False, description="While true no new rollout begins; what is served stays served and repaired."
    )

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.immutable_optional("spec.registry.namespace"),
            model_version.require_patience("rollout.smokeTest", "template.probes"),
            LONG_ENOUGH,
        )
    )

    @property
    def revision_template(self) -> Template:
        """The template of a revision: `template` with what `rollout` says about the pods themselves."""
        told = self.rollout.smoke_test
        return self.template if told is None else self.template.model_copy(update={"smoke_test": told})


def _list_words(words: type[enum.StrEnum]) -> str:
    """Examples: `A, B or C`, `A or B`."""
    *most, last = (word.value for word in words)
    return f"{', '.join(most)} or {last}"


class RevisionReference(common.Observed):
    """A version as one of this alias's revisions."""

    version: int = pydantic.Field(description="Number of the model version.")
    revision: str = pydantic.Field(description="Hash of template, model identity and source.")
    name: str = pydantic.Field(description="Name of the ModelVersion object.")


class Failure(common.Observed):
    """A revision that did not become Ready in time and is not tried again by itself."""

    name: str = pydantic.Field(description="Name of the ModelVersion object.")
    reason: str = pydantic.Field(description="Reason, a constant.")
    message: str = pydantic.Field(description="What failed, in the words of the part that did.")
    retry: str = pydantic.Field("", description="Value of the annotation podium.dev/retry at the time.")
    deadline_seconds: int = pydantic.Field(0, description="How long it had had to become Ready, in seconds.")


class RolloutStatus(common.Observed):
    """The rollout under way, or the last one."""

    id: str = pydantic.Field(description="Identity of the rollout; history records it once.")
    phase: str = pydantic.Field(
        description="Preparing: the new revision becomes Ready. Overlapping: both receive traffic. Switching: only the "
        "new one does, and its endpoints are verified. Complete, Failed or Aborted: the rollout has ended; Aborted "
        "because the alias moved back before it was complete.",
        json_schema_extra={"enum": [phase.value for phase in names.Phase]},
    )
    to: RevisionReference = pydantic.Field(description="Where traffic goes.")
    from_: RevisionReference | None = pydantic.Field(None, alias="from", description="Where traffic comes from.")
    started_at: str = pydantic.Field(description="When it began, UTC.", json_schema_extra={"format": "date-time"})
    phase_at: str = pydantic.Field(description="When the phase began, UTC.", json_schema_extra={"format": "date-time"})
    aborting: bool | None = pydantic.Field(
        None,
        description="True while traffic returns to where it came from, because the alias moved back during the switch: "
        "then Switching means that only the old revision receives traffic.",
    )


class HistoryEntry(common.Observed):
    """One rollout that has ended."""

    id: str = pydantic.Field(description="Identity of the rollout.")
    version: int = pydantic.Field(description="The version that was rolled out.")
    from_: int | None = pydantic.Field(None, alias="from", description="The version that was served before.")
    at: str = pydantic.Field(description="When, UTC.", json_schema_extra={"format": "date-time"})
    by: str = pydantic.Field(
        "", description="Who moved the alias, as far as the registry knows; of an aborted one, who moved it back."
    )
    why: str = pydantic.Field("", description="The mover's own words, as far as the registry knows.", max_length=1024)
    reason: str = pydantic.Field(description=f"{_list_words(names.RolloutReason)}.")
    outcome: str = pydantic.Field(description=f"{_list_words(names.RolloutOutcome)}.")


class ModelAliasStatus(common.Observed):
    """What is served, what is desired, and the rollout between the two."""

    conditions: list[common.Condition] = common.conditions_field()
    observed_generation: int | None = pydantic.Field(
        None, description="Generation of the object that this status is about."
    )
    last_error: common.LastError | None = common.last_error_field()
    operator: str | None = common.operator_field()
    model_uid: str | None = pydantic.Field(
        None, description="Identity of the registered model; a model deleted and created again has another."
    )
    served: RevisionReference | None = pydantic.Field(None, description="The revision that receives traffic now.")
    desired: RevisionReference | None = pydantic.Field(
        None, description="The revision that the alias or the pin asks for."
    )
    previous: RevisionReference | None = pydantic.Field(None, description="The revision that received traffic before.")
    retire_at: str | None = pydantic.Field(
        None,
        description="When the previous revision is scaled to 0, UTC.",
        json_schema_extra={"format": "date-time"},
    )
    failed: Failure | None = pydantic.Field(None, description="The desired revision, if it failed.")
    rollout: RolloutStatus | None = pydantic.Field(None, description="The rollout under way, or the last one.")
    history: list[HistoryEntry] = pydantic.Field(
        default_factory=list, description="The last 20 rollouts, newest first.", max_length=20
    )
    url: str | None = pydantic.Field(None, description="Where clients send their requests.")
