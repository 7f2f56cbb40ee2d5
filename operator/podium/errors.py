"""Podium's own errors, as a tree. Each carries its data as attributes and a sentence that says what to do.

    PodiumError
    ├── RegistryError                  the registry refuses or cannot answer
    │   ├── NotFound                   no such model, version or alias
    │   ├── AlreadyExists              the name is taken
    │   ├── InvalidInput               a value that no registry could hold
    │   ├── Conflict                   too many writers: the compare-and-swap kept losing
    │   ├── InUse                      a ModelAlias serves what was to be deleted, or owns the alias by a pin
    │   ├── TooLarge                   the object would pass its bound
    │   ├── CorruptRegistry            a registry object does not parse
    │   ├── GateRefused                the version does not meet what the alias asks of it
    │   ├── Mirrored                   the model is a copy of one in an MLflow server, to be changed there
    │   ├── ArtifactDiffers            a version's artifact is not the one that was recorded
    │   ├── NotOffered                 a part of MLflow's interface that is not there yet
    │   ├── Forbidden                  the API server refuses the caller; names the missing permission
    │   └── Unavailable                the API server does not answer
    ├── KubeError                      the API server's answer to the operator; `status`, `reason`, `message`
    │   ├── KubeNotFound               404
    │   ├── KubeConflict               409: the resourceVersion is old, or the name is taken
    │   ├── KubeInvalid                400, 422: the object is refused as it is
    │   ├── KubeForbidden              401, 403: names the missing permission
    │   ├── KubeGone                   410: the watch has to begin anew
    │   └── KubeUnavailable            429, 5xx, no connection, no answer in time (worth a retry)
    ├── NotRead                        a decision needs what was not read of a registry yet: read it, and decide again
    ├── ServerFailed                   an MLflow server that is mirrored or imported failed to answer
    ├── NameTaken                      an object of somebody else's has a name that a child needs
    ├── LeaseLost                      another process leads, or no renewal came through: the process ends
    └── PullError                      the puller could not bring the artifact
        ├── SourceInvalid              the URI or a key in it cannot be used
        ├── SourceMissing              no such bucket, prefix or object
        ├── SourceDenied               credentials are missing, wrong or not allowed
        ├── SourceUnreachable          the endpoint does not answer, or not to the end (worth a retry)
        ├── ArtifactChanged            the bytes are not those that were promised
        └── NoRoom                     the volume cannot take the artifact

Only adapters translate them: the engine to conditions, the MLflow plugin to MlflowException.
"""

from typing import Literal

from podium import names


class PodiumError(Exception):
    """Base of every error that Podium raises on purpose."""


class RegistryError(PodiumError):
    """The registry refuses or cannot answer."""


class NotFound(RegistryError):
    """No such model, version or alias; `what` says which of the three."""

    def __init__(self, message: str, what: Literal["model", "version", "alias"] = "model") -> None:
        super().__init__(message)
        self.what = what


class AlreadyExists(RegistryError):
    """The name is taken."""


class InvalidInput(RegistryError):
    """A value that no registry could hold."""


class Conflict(RegistryError):
    """Too many writers: the compare-and-swap kept losing until its deadline."""


class InUse(RegistryError):
    """A ModelAlias serves what was to be deleted, or owns the alias by a pin."""


class TooLarge(RegistryError):
    """The object would pass its bound in serialized bytes."""


class CorruptRegistry(RegistryError):
    """A registry object does not parse; `object_name` and `key` say where."""

    def __init__(self, object_name: str, key: str, problem: str) -> None:
        super().__init__(f"registry ConfigMap {object_name}, key {key!r}: {problem}")
        self.object_name, self.key, self.problem = object_name, key, problem


class GateRefused(RegistryError):
    """The version does not meet what the alias asks of it; the text names each gate, the value and the bound."""


class Mirrored(RegistryError):
    """The model is a copy of one in an MLflow server; the text names the server, where it is to be changed."""


class ArtifactDiffers(RegistryError):
    """A version's artifact has another digest (`found`) than the one that was recorded of it (`recorded`)."""

    def __init__(self, number: int, uri: str, recorded: str, found: str) -> None:
        super().__init__(
            f"the artifact of version {number} at {uri} has digest {found}, but {recorded} is recorded: it was changed "
            "after the version was registered. Bring the recorded one back, or register what is there now as a new "
            "version"
        )
        self.recorded, self.found = recorded, found


class NotOffered(RegistryError):
    """A part of MLflow's interface that Podium does not offer yet."""


class Forbidden(RegistryError):
    """The API server refuses the caller; the text names the missing permission."""


class Unavailable(RegistryError):
    """The API server does not answer; the call may be repeated."""


class KubeError(PodiumError):
    """The API server's answer to the operator; `status` is the HTTP status code, 0 without an answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


class KubeNotFound(KubeError):
    """404."""


class KubeConflict(KubeError):
    """409: the resourceVersion is old, or the name is taken."""


class KubeInvalid(KubeError):
    """400 or 422: the object is refused as it is."""


class KubeForbidden(KubeError):
    """401 or 403; the message names the missing permission."""


class KubeGone(KubeError):
    """410: the watch has to begin anew."""


class KubeUnavailable(KubeError):
    """429, 5xx, no connection, or no answer in time; the call may be repeated.

    `retry_after`: seconds that the server asked to wait, else None. `is_untaken`: the call cannot have had an effect.
    """

    def __init__(
        self, status: int, reason: str, message: str, *, retry_after: float | None = None, is_untaken: bool = False
    ) -> None:
        super().__init__(status, reason, message)
        self.retry_after, self.is_untaken = retry_after, is_untaken


class NotRead(PodiumError):
    """A decision needs the content of a ConfigMap that was not read of a registry yet: read it, and decide again."""

    def __init__(self, namespace: str, object_name: str) -> None:
        super().__init__(f"ConfigMap {namespace}/{object_name} was not read yet")
        self.namespace, self.object_name = namespace, object_name


class ServerFailed(PodiumError):
    """The MLflow server that is mirrored or imported did not answer as it should; `cause` says in which way."""

    def __init__(self, cause: names.ServerFailure, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class NameTaken(PodiumError):
    """An object of somebody else's has a name that a child needs; it is left alone."""


class LeaseLost(PodiumError):
    """Another process leads, or the Lease could not be renewed in time; the process has to end."""


class PullError(PodiumError):
    """The puller could not bring the artifact; `reason` is a names.PullReason, `retryable`: can trying again help."""

    retryable = False

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SourceInvalid(PullError):
    """The URI or a key in it cannot be used."""


class SourceMissing(PullError):
    """No such bucket, prefix or object."""


class SourceDenied(PullError):
    """Credentials are missing, wrong or not allowed."""


class SourceUnreachable(PullError):
    """The endpoint does not answer, or not to the end. `retry_after`: seconds that it asked to wait, else 0."""

    retryable = True

    def __init__(self, reason: str, message: str, retry_after: float = 0) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


class ArtifactChanged(PullError):
    """The bytes are not those that were promised; only a pull that lists anew can help."""


class NoRoom(PullError):
    """The volume cannot take the artifact."""
