"""Which names, aliases, tags and texts a registry takes: MLflow 3.17's rules (mlflow/utils/validation.py), and ours.

Podium is stricter in three places, because the value has to fit into a ConfigMap that a person can read and an
admission policy can check: a model's name ends at MODEL_NAME_LIMIT characters, no text may hold a lone surrogate
(it is no character, and UTF-8 has no bytes for it), and an alias may not end in a line break.
"""

import dataclasses
import posixpath
import re
from collections.abc import Mapping

from podium import errors
from podium.registry.model import entities
from podium.texts import quote

MODEL_NAME_LIMIT = 3_000
ALIAS_LIMIT = 255
TAG_KEY_LIMIT = 250
TAG_VALUE_LIMIT = 100_000
ACTOR_LIMIT = 256
"""Characters of an actor's user and via."""

OPERATION_ID_LIMIT = 256
WHY_LIMIT = 2_000
"""Characters of somebody's reason for a move or a decision."""

_NO_TEXTS = (
    "number",
    "tags",
    "created_ms",
    "updated_ms",
    "made_ms",
    "staging",
    "deleted",
    "approvals",
    "digest",
    "writes",
)
"""Fields of a version."""
_ALIAS = re.compile(r"[\w\-]+")
_RESERVED_ALIAS = re.compile(r"[vV]\d+")
_TAG_KEY = re.compile(r"^[/\w.\- :]*$")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_text(what: str, value: object) -> None:
    """Raises InvalidInput unless the value is None or a text that UTF-8 can hold."""
    if value is None:
        return
    if not isinstance(value, str):
        raise errors.InvalidInput(f"{what} has to be text, got {value!r}")
    if _SURROGATE.search(value):
        raise errors.InvalidInput(f"{what} {quote(value)} contains a lone surrogate, which UTF-8 cannot encode")


def check_model_name(name: str) -> None:
    """Raises InvalidInput with what to write instead."""
    if name is None or (isinstance(name, str) and not name.strip()):
        raise errors.InvalidInput("Missing value for required parameter 'name'.")
    check_text("Model name", name)
    if "/" in name or ":" in name:
        raise errors.InvalidInput(f"Invalid model name {quote(name)}. Names cannot contain '/' or ':'.")
    if name in (".", "..") or name.startswith(".."):
        raise errors.InvalidInput(f"Invalid model name {quote(name)}: names must not resolve to others as paths do.")
    if len(name) > MODEL_NAME_LIMIT:
        raise errors.InvalidInput(
            f"Model name {quote(name)} has {len(name)} characters; a registry takes at most {MODEL_NAME_LIMIT}."
        )


def check_alias(alias: str) -> None:
    """Raises InvalidInput for what can be no alias at all."""
    if not alias:
        raise errors.InvalidInput("Registered model alias name cannot be empty.")
    check_text("Alias", alias)
    if not _ALIAS.fullmatch(alias):
        raise errors.InvalidInput(
            f"Invalid alias name: {quote(alias)}. Names may only contain alphanumerics, underscores (_), and dashes "
            "(-)."
        )
    if len(alias) > ALIAS_LIMIT:
        raise errors.InvalidInput(
            f"Alias {quote(alias)} has {len(alias)} characters; at most {ALIAS_LIMIT} are allowed."
        )


def check_new_alias(alias: str) -> None:
    """Raises InvalidInput for what can be no alias, or is reserved by MLflow."""
    check_alias(alias)
    if alias.lower() == "latest" or _RESERVED_ALIAS.fullmatch(alias):
        raise errors.InvalidInput(f"Alias name {alias!r} is reserved: 'latest' and v<number> mean versions in MLflow.")


def check_tag_name(key: str) -> None:
    """Raises InvalidInput for what can be no tag's key, whatever its length (which does not hinder a deletion)."""
    if key is None:
        raise errors.InvalidInput("Missing value for required parameter 'key'.")
    check_text("Tag key", key)
    norm = posixpath.normpath(key)
    if not _TAG_KEY.match(key) or norm != key or norm == "." or norm.startswith(("..", "/")):
        raise errors.InvalidInput(
            f"Invalid tag key {quote(key)}: keys may only contain alphanumerics, underscores, dashes, periods, "
            "spaces, colons and slashes, and must not resolve to others as paths do."
        )


def check_tag_key(key: str) -> None:
    """Raises InvalidInput for what can be no new tag's key."""
    check_tag_name(key)
    if len(key) > TAG_KEY_LIMIT:
        raise errors.InvalidInput(f"'key' exceeds the maximum length of {TAG_KEY_LIMIT} characters")


def check_tag(key: str, value: str | None) -> None:
    """Raises InvalidInput for what can be no tag."""
    check_tag_key(key)
    check_text(f"The value of tag {key!r}", value)
    if value is not None and len(value) > TAG_VALUE_LIMIT:
        raise errors.InvalidInput(f"'value' exceeds the maximum length of {TAG_VALUE_LIMIT} characters")


def check_tags(tags: Mapping[str, str | None]) -> None:
    """Raises InvalidInput for the first that can be no tag."""
    for key, value in tags.items():
        check_tag(key, value)


def check_number(number: int) -> None:
    """Raises InvalidInput unless the number is whole."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise errors.InvalidInput(f"Parameter 'version' must be an integer, got {number!r}.")


def check_stage(stage: str) -> None:
    """Raises InvalidInput for what is no stage of MLflow's, in its canonical spelling."""
    if stage not in entities.STAGES:
        raise errors.InvalidInput(
            f"Invalid Model Version stage: {quote(str(stage))}. Value must be one of {', '.join(entities.STAGES)}."
        )


def check_version(version: entities.Version) -> None:
    """Raises InvalidInput for a new version that cannot be stored as it is."""
    if version.source is None:
        raise errors.InvalidInput("Missing value for required parameter 'source'.")
    for field in dataclasses.fields(version):
        value = getattr(version, field.name)
        if field.name not in _NO_TEXTS:
            check_text(f"The version's {field.name}", value)
    if len(version.operation_id) > OPERATION_ID_LIMIT:
        raise errors.InvalidInput(f"an operation id has at most {OPERATION_ID_LIMIT} characters")
    if version.digest is not None:
        check_digest(version.digest)
    check_tags(version.tags)


def is_digest(text: str) -> bool:
    """Whether this is the digest of an artifact as the registry stores it."""
    return _DIGEST.fullmatch(text) is not None


def check_digest(digest: str) -> None:
    """Raises InvalidInput for what is no digest of an artifact."""
    if not isinstance(digest, str) or not is_digest(digest):
        raise errors.InvalidInput(
            f"The digest of an artifact is 'sha256:' and 64 hexadecimal digits in lower case, got {quote(str(digest))}."
        )


def check_actor(actor: entities.Actor) -> None:
    """Raises InvalidInput for an actor that the history cannot record in full."""
    for what, value in (("user", actor.user), ("via", actor.via)):
        check_text(f"The actor's {what}", value)
        if len(value) > ACTOR_LIMIT:
            raise errors.InvalidInput(
                f"The actor's {what} {quote(value)} has {len(value)} characters; the history records at most "
                f"{ACTOR_LIMIT}."
            )


def check_approval(approval: entities.Approval) -> None:
    """Raises InvalidInput for a decision that cannot be recorded."""
    if approval.decision not in ("approved", "rejected"):
        raise errors.InvalidInput(f"a decision is 'approved' or 'rejected', got {approval.decision!r}")
    check_actor(approval.actor)
    check_why(approval.why)


def check_why(why: str) -> None:
    """Raises InvalidInput for a reason that the history cannot record in full."""
    check_text("The reason", why)
    if len(why) > WHY_LIMIT:
        raise errors.InvalidInput(f"The reason {quote(why)} has {len(why)} characters; write at most {WHY_LIMIT}.")
