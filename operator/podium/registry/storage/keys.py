"""Names and labels of the registry's ConfigMaps.

    podium-claim-<52 characters>     claim of a model's name; the characters are SHA-256 of its exact UTF-8 bytes
    <uid>                            head, for example iris-classifier-k3v6wqe2zt5ymd4a
    <uid>-<n>                        version n
    <uid>-archive-<k>                archive k of the history
    <uid>-policy                     the gates of its aliases

A uid begins with a readable part of the name that the model was created with, for people. Programs read the name from
the head: after a rename the uid still shows the old one.
"""

import functools

from podium import names

KINDS = CLAIM, HEAD, VERSION, ARCHIVE, POLICY = "claim", "head", "version", "archive", "policy"
"""Values of names.REGISTRY_KIND_LABEL."""

_CLAIM_PREFIX = "podium-claim-"
_RANDOM_CHARACTERS = 16
_READABLE_CHARACTERS = 24


@functools.lru_cache(10_000)
def claim_name(model_name: str) -> str:
    """Name of the ConfigMap that claims a model's name; `a` and `A`, or NFC and NFD, are different names."""
    return f"{_CLAIM_PREFIX}{names.short_hash(model_name, 52)}"


def is_claim(object_name: str) -> bool:
    """Whether a ConfigMap of this name is a claim, whatever its labels say."""
    return object_name.startswith(_CLAIM_PREFIX)


def make_uid(model_name: str, nonce: str) -> str:
    """The uid of a new model; `nonce` is a text that was never used before (such as 16 random bytes in hex)."""
    readable = names.slug(model_name, _READABLE_CHARACTERS) or "model"
    return f"{readable}-{names.short_hash(nonce, _RANDOM_CHARACTERS)}"


def version_name(uid: str, number: int) -> str:
    """Name of the ConfigMap of a version."""
    return f"{uid}-{number}"


def archive_name(uid: str, number: int) -> str:
    """Name of the ConfigMap of an archive."""
    return f"{uid}-archive-{number}"


def policy_name(uid: str) -> str:
    """Name of the ConfigMap of a model's gates."""
    return f"{uid}-policy"


def labels(kind: str, uid: str) -> dict[str, str]:
    """The labels of one ConfigMap of the registry."""
    return {names.REGISTRY_KIND_LABEL: kind, names.REGISTRY_UID_LABEL: uid}


def of_kind(kind: str) -> dict[str, str]:
    """Selector of all ConfigMaps of one kind."""
    return {names.REGISTRY_KIND_LABEL: kind}
