"""ModelAlias: this stable endpoint serves whichever version the alias designates."""

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
            )
        )
    )


class Previous(common.Model):
    """What happens to the version that was served before."""

    delay: common.Duration = pydantic.Field(
        "60s",
        description="How long its pods stay after the switch, for a quick return and for kept-alive connections. They "
        "leave before that when a third version is on its way, 5 seconds after it is asked for.",
    )


class Rollout(common.Model):
    """The way from the served version to the desired one."""

    strategy: Literal["BlueGreen"] = pydantic.Field(
        "BlueGreen",
        description="BlueGreen: the new version's pods are all Ready before any traffic moves, then all of it moves.",
    )
    overlap: common.Duration = pydantic.Field(
        "2s",
        description="While a switch lasts both versions answer, so that ingress controllers which empty the old "
        "endpoints first lose nothing. 0s: one write.",
    )
    progress_deadline: common.PositiveDuration = pydantic.Field(
        "10m",
        description="How long the new version may take to become Ready before the rollout counts as failed. A failed "
        "revision is tried again when the version, the template or the annotation podium.dev/retry changes.",
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
        description="What a version must meet before the alias may designate it and traffic may move to it. Whoever "
        "moves the alias by MLflow is told at once, in their own call; the operator lets no other version receive "
        "traffic, however the alias came to it. What is served already stays served when gates are added or changed. "
        "Default: no gates.",
    )
    rollout: Rollout = pydantic.Field(
        default_factory=Rollout, description="The way from the served version to the desired one."
    )
    registry: common.RegistryReference = pydantic.Field(
        default_factory=common.RegistryReference, description="Which registry holds the model."
    )
    ingress: common.Ingress | None = pydantic.Field(None, description="An Ingress in front of the alias's Service.")
    paused: bool = pydantic.Field(
        False, description="While true no new rollout begins; what is served stays served and repaired."
    )

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(common.immutable_optional("spec.registry.namespace"))
    )


class RevisionReference(common.Observed):
    """A version as one of this alias's revisions."""

    version: int = pydantic.Field(description="Number of the model version.")
    revision: str = pydantic.Field(description="Hash of template, model identity and source.")
    name: str = pydantic.Field(description="Name of the ModelVersion object.")


class Failure(common.Observed):
    """A revision that did not become Ready in time and is not tried again by itself."""

    name: str = pydantic.Field(description="Name of the ModelVersion object.")
    reason: str = pydantic.Field(description="Reason, a constant.")
    message: str = pydantic.Field(description="The cause, in the words of the part that failed.")
    retry: str = pydantic.Field("", description="Value of the annotation podium.dev/retry at the time.")


class RolloutStatus(common.Observed):
    """The transition under way, or the last one."""

    id: str = pydantic.Field(description="Identity of the transition; history records it once.")
    phase: str = pydantic.Field(
        description="Preparing: the new revision becomes Ready. Overlapping: both receive traffic. Switching: only the "
        "new one does, its endpoints are verified. Complete or Failed: the transition has ended.",
        json_schema_extra={"enum": ["Preparing", "Overlapping", "Switching", "Complete", "Failed"]},
    )
    to: RevisionReference = pydantic.Field(description="Where traffic goes.")
    from_: RevisionReference | None = pydantic.Field(None, alias="from", description="Where traffic comes from.")
    started_at: str = pydantic.Field(description="When it began, UTC.", json_schema_extra={"format": "date-time"})
    phase_at: str = pydantic.Field(description="When the phase began, UTC.", json_schema_extra={"format": "date-time"})


class HistoryEntry(common.Observed):
    """One completed transition."""

    id: str = pydantic.Field(description="Identity of the transition.")
    version: int = pydantic.Field(description="The version that was then served.")
    from_: int | None = pydantic.Field(None, alias="from", description="The version served before.")
    at: str = pydantic.Field(description="When, UTC.", json_schema_extra={"format": "date-time"})
    by: str = pydantic.Field("", description="Who moved the alias, as far as the registry knows.")
    why: str = pydantic.Field("", description="The mover's own words, as far as the registry knows.", max_length=1024)
    reason: str = pydantic.Field(description="AliasMoved, VersionPinned, TemplateChanged or FirstRollout.")
    outcome: str = pydantic.Field(description="Switched or Failed.")


class ModelAliasStatus(common.Observed):
    """What is served, what is asked for, and the way between."""

    conditions: list[common.Condition] = common.conditions_field()
    observed_generation: int | None = pydantic.Field(None, description="Generation this status speaks of.")
    model_uid: str | None = pydantic.Field(
        None, description="Identity of the registered model; a model deleted and created again has another."
    )
    served: RevisionReference | None = pydantic.Field(None, description="What receives traffic now.")
    desired: RevisionReference | None = pydantic.Field(None, description="What the alias or the pin asks for.")
    previous: RevisionReference | None = pydantic.Field(None, description="What received traffic before.")
    retire_at: str | None = pydantic.Field(
        None,
        description="When the previous revision is scaled to 0, UTC.",
        json_schema_extra={"format": "date-time"},
    )
    failed: Failure | None = pydantic.Field(None, description="The desired revision, if it failed.")
    rollout: RolloutStatus | None = pydantic.Field(None, description="The transition under way, or the last one.")
    history: list[HistoryEntry] = pydantic.Field(
        default_factory=list, description="The last 20 transitions, newest first.", max_length=20
    )
    url: str | None = pydantic.Field(None, description="Where clients send their requests.")
