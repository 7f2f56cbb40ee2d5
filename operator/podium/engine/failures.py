"""What the status says of passes that fail: of what, whether somebody must act, and whether it was told already.

A refusal is told at once: trying again does not help until somebody acts. Anything else is tried again with a back-off,
and told when it has failed several times in a row, or for a while. What was told stays as it is while the same thing
fails: servers put times, addresses and identities into their sentences, and each new one would be a write.
"""

import datetime
import re

from podium import errors, names
from podium.api import common, conditions

TOLD_AFTER_FAILURES = 3
"""Failures in a row after which what may pass by itself is told, ..."""
TOLD_AFTER_SECONDS = 10.0
"""... or the time for which a key has failed by then, whichever comes first."""
REFUSALS = (
    errors.KubeInvalid,
    errors.KubeForbidden,
    errors.NotFound,
    errors.InUse,
    errors.InvalidInput,
    errors.TooLarge,
    errors.CorruptRegistry,
    errors.Mirrored,
    errors.Forbidden,
    errors.NameTaken,
    errors.ArtifactDiffers,
)
"""What trying again does not help until somebody acts."""
_REASONS: dict[type[errors.PodiumError], str] = {
    errors.KubeForbidden: names.FORBIDDEN,
    errors.Forbidden: names.FORBIDDEN,
    errors.NameTaken: names.NAME_TAKEN,
    errors.InUse: names.ALIAS_OWNED_ELSEWHERE,
    errors.CorruptRegistry: names.REGISTRY_CORRUPT,
    errors.ArtifactDiffers: names.PullReason.DIGEST_MISMATCH.value,
}
_MESSAGE_LIMIT = 4096
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
_DIGIT = re.compile(r"\d")
_SEVERAL = re.compile(r"#(?: #)+")


def is_told_at_once(error: Exception) -> bool:
    """Whether trying again does not help until somebody acts."""
    return isinstance(error, REFUSALS)


def is_lasting(failures: int, seconds: float) -> bool:
    """Whether a key has failed so often in a row, or for so long, that it is told of whatever it fails."""
    return failures >= TOLD_AFTER_FAILURES or seconds >= TOLD_AFTER_SECONDS


def build_error(
    error: Exception, known: common.LastError | None, generation: int, now: datetime.datetime
) -> common.LastError:
    """What the status is to say; `known`, what it says already, where it says the same."""
    reason, message, is_stalled = _describe_error(error)
    found = common.LastError(
        reason=reason,
        message=message[:_MESSAGE_LIMIT],
        since=conditions.timestamp(now.replace(microsecond=0)),
        generation=generation,
        stalled=is_stalled,
    )
    return known if known and is_same(known, found) else found


def is_same(one: common.LastError, other: common.LastError) -> bool:
    """Whether two errors are the same but for what varies in the sentence."""
    return _key_of(one) == _key_of(other)


def strip_varying(sentence: str) -> str:
    """What of a sentence is the same each time: without what it quotes, and without words that hold a digit.

    Example: `dial tcp 10.0.0.1:443: i/o timeout` and `dial tcp 10.0.0.2:443: i/o timeout` give the same.
    """
    words = _QUOTED.sub("#", sentence).split()
    return _SEVERAL.sub("#", " ".join("#" if _DIGIT.search(word) else word for word in words))


def _key_of(error: common.LastError) -> tuple[str, int, bool, str]:
    return error.reason, error.generation, error.stalled, strip_varying(error.message)


def _describe_error(error: Exception) -> tuple[str, str, bool]:
    """Reason, sentence, and whether somebody must act."""
    if isinstance(error, REFUSALS):
        reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), names.REFUSED)
        return reason, str(error), True
    if isinstance(error, errors.PodiumError):
        return names.RETRYING, f"not all could be done, and it is tried again: {error}", False
    fault = f"{type(error).__name__}: {error}"
    return (
        names.INTERNAL_ERROR,
        f"a fault of the operator's own keeps it from this object: {fault}. It is tried again; please report it with "
        "the operator's log",
        True,
    )
