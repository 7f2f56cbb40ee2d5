"""Gates: what a version must meet before an alias may designate it and traffic may move to it."""

from typing import Annotated, Literal, Self

import pydantic

from podium.api import common

METRICS_LIMIT, TAGS_LIMIT = 20, 32
_KEY = r"^[/\p{L}\p{N}_.\- :]+$"
_NO_PATH = r"^/|//|/$|(^|/)[.][.]?(/|$)|^[.][.]"
"""What MLflow refuses in a key because a file system would resolve it to another one."""
_KEY_HINT = "letters, digits, '_', '-', '.', ' ', ':' and '/' between them, at most 250 characters"
_NAME_HINT = f"write the metric's name as it was logged: {_KEY_HINT}"
_TAG_HINT = f"write tag keys that MLflow takes: {_KEY_HINT}"


def _is_key(variable: str) -> str:
    """CEL: whether MLflow takes a text as the key of a metric or a tag."""
    return f"{variable}.matches({common.quoted(_KEY)}) && !{variable}.matches({common.quoted(_NO_PATH)})"


AliasName = Annotated[
    str, pydantic.Field(min_length=1, max_length=255, json_schema_extra=common.validated(common.ALIAS_RULE))
]
Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]


class NotWorseThan(common.Model):
    """A comparison with the version that an alias of the same model designates."""

    alias: AliasName = pydantic.Field(
        description="The alias whose version the metric is compared with, at the moment when the gated alias moves. "
        "Usually the gated alias itself: then the comparison is with the version that it designated before. While "
        "the alias designates no version, the gate passes.",
    )
    tolerance: Finite = pydantic.Field(
        0.0, description="How much worse than that version's metric it may be, in the metric's own unit.", ge=0
    )
    better: Literal["Higher", "Lower"] = pydantic.Field(
        "Higher",
        description="Which values of the metric are better: Higher, as for an accuracy, or Lower, as for an error.",
    )


class MetricGate(common.Model):
    """A bound on one metric."""

    name: str = pydantic.Field(
        description="Name of the metric, exactly as it was logged with MLflow, to the version's run or logged model. "
        "A version without it, or with NaN, does not pass.",
        min_length=1,
        max_length=250,
        json_schema_extra=common.validated(common.cel(_is_key("self"), _NAME_HINT)),
    )
    min: Finite | None = pydantic.Field(None, description="The metric must be at least this.")
    max: Finite | None = pydantic.Field(None, description="The metric must be at most this.")
    not_worse_than: NotWorseThan | None = pydantic.Field(
        None, description="The metric must not be worse than that of the version that an alias designates."
    )

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.cel(
                "[has(self.min), has(self.max), has(self.notWorseThan)].filter(given, given).size() == 1",
                "write exactly one of min, max and notWorseThan; for a range write two entries, one with min and one "
                "with max",
            )
        )
    )

    @pydantic.model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        """A gate without a bound must not count as met, however it came to be stored."""
        if sum(bound is not None for bound in (self.min, self.max, self.not_worse_than)) != 1:
            raise ValueError("exactly one of min, max and notWorseThan must be there")
        return self


_SAME_BOUND = (
    "a.name == b.name && has(a.min) == has(b.min) && has(a.max) == has(b.max) && (has(a.notWorseThan) && "
    "has(b.notWorseThan) ? a.notWorseThan.alias == b.notWorseThan.alias : true)"
)


class Gates(common.Model):
    """What a version must meet; all of it has to be met."""

    metrics: list[MetricGate] = pydantic.Field(
        default_factory=list,
        description="Bounds on metrics. They are read once, when the alias moves (by the tracking server, by the "
        "program that writes to the registry itself, or by the mirror), and recorded in the model's history. What is "
        "logged later has no effect until the alias is set again.",
        max_length=METRICS_LIMIT,
        json_schema_extra=common.validated(
            common.cel(
                f"self.all(a, self.exists_one(b, {_SAME_BOUND}))",
                "write each bound of a metric once: min, max, and notWorseThan for each alias; remove the second entry",
            ),
            common.cel(
                "self.all(a, !has(a.min) || self.all(b, !has(b.max) || a.name != b.name || a.min <= b.max))",
                "write a min that is not above the max of the same metric: no version could meet both",
            ),
        ),
    )
    tags: dict[str, Annotated[str, pydantic.Field(max_length=1024)]] = pydantic.Field(
        default_factory=dict,
        description="Tags that the model version (not the registered model) must have, each with exactly this value, "
        "such as approval_status: approved. Traffic goes by the shortest tags of a version, up to 16 KiB together; a "
        "tag that is not among them counts as missing.",
        json_schema_extra={"maxProperties": TAGS_LIMIT}
        | common.validated(common.cel(f"self.all(key, key.size() <= 250 && {_is_key('key')})", _TAG_HINT)),
    )
    approval: Literal["Automatic", "Manual"] = pydantic.Field(
        "Automatic",
        description="Manual: a person must approve the version (podium approve MODEL VERSION --why ...). The last "
        "decision counts, if it is about the artifact that the version has: `podium reject` takes an approval back. "
        "Automatic: no approval is needed.",
    )

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.cel(
                "(has(self.metrics) && self.metrics.size() > 0) || (has(self.tags) && self.tags.size() > 0) || "
                "(has(self.approval) && self.approval == 'Manual')",
                "write at least one gate (metrics, tags or approval: Manual), or remove spec.gates",
            )
        )
    )
