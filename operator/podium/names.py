"""Every name that Podium puts where others can see it, each with its one definition.

Labels, annotations, condition types and reasons, Event reasons, child names and the words of the pod contract
(environment variables, headers, paths) are an interface: dashboards, scripts and GitOps repositories depend on
them. No literal of these stands anywhere else in the package.
"""

import base64
import enum
import hashlib
import re

GROUP = "podium.dev"
API_VERSION = "v1beta1"
FIELD_MANAGER = "podium"
"""The field manager of every server-side apply by the operator; no other component uses it."""
REGISTRY_MANAGER = "podium-registry"
"""The field manager of every write to a registry's ConfigMaps; the chart's admission policy lets no other pass, ..."""
REPAIR_MANAGER = "podium-repair"
"""... but this one, of somebody with the verb `repair` who mends a ConfigMap by hand."""
DEPLOYMENTS_FIELD_MANAGER = "podium-deployments"
"""The field manager of `mlflow deployments -t podium`."""

MODEL_VERSION_KIND, MODEL_VERSION_PLURAL = "ModelVersion", "modelversions"
MODEL_ALIAS_KIND, MODEL_ALIAS_PLURAL = "ModelAlias", "modelaliases"
CATEGORY = "podium"

# Labels of the objects that serve. Selectors use the two that hold an object's name, MODEL_VERSION_NAME_LABEL and
# MODEL_ALIAS_NAME_LABEL, so they never change with a chart's or an application's version.
NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "podium"
SERVED_NAME = "podium-model"
MODEL_VERSION_NAME_LABEL = "podium.dev/model-version-name"
"""On pods and children: the name of the ModelVersion object that they belong to."""
MODEL_ALIAS_NAME_LABEL = "podium.dev/model-alias-name"
"""On revisions and their pods: the name of the ModelAlias object that owns them."""
TRAFFIC_LABEL = "podium.dev/traffic"
"""On revisions and their pods, for their whole life: whether the alias's traffic may come to them. While a switch lasts
the alias's Service selects the pods with TRAFFIC_LIVE, so that a shadow never answers."""
TRAFFIC_LIVE = "live"
"""It is served, or may come to be."""
TRAFFIC_SHADOW = "shadow"
"""It receives copies of requests, and its answers are discarded."""

# Annotations
MODEL_ANNOTATION = "podium.dev/model"
"""The registered model's full name; an annotation because names may hold what labels cannot."""
VERSION_ANNOTATION = "podium.dev/version"
INTENT_ANNOTATION = "podium.dev/intent"
"""Hash of the user's intent that a frozen pod template was rendered for (with the hash's own version)."""
APPLIED_ANNOTATION = "podium.dev/applied"
"""On what the operator applies: hash of the manifest, by which a new process knows that it need not apply it again."""
RETRY_ANNOTATION = "podium.dev/retry"
"""A user changes its value to try a failed revision again."""
ALLOW_DELETION_ANNOTATION = "podium.dev/allow-deletion"
"""With the value "true" a ModelVersion may be deleted although it receives traffic; the operator makes it again."""
ACCEPT_MODEL_ANNOTATION = "podium.dev/accept-model"
"""A user sets it to the uid of a registered model that replaced another one of the same name, to serve it."""

# The registry's ConfigMaps
REGISTRY_KIND_LABEL = "registry.podium.dev/kind"
"""One of claim, head, version, archive, policy."""
REGISTRY_UID_LABEL = "registry.podium.dev/model-uid"
REPAIR_ANNOTATION = "podium.dev/repair"
"""With the value "delete" a registry's ConfigMap may be deleted by hand."""

# Condition types
READY = "Ready"
SERVING = "Serving"
RECONCILING = "Reconciling"
STALLED = "Stalled"
ARTIFACT_READY = "ArtifactReady"
REGISTRY_SYNCED = "RegistrySynced"
GATES_PASSED = "GatesPassed"

# Condition reasons that more than one module speaks of
MODEL_REPLACED = "ModelReplaced"
"""The registered model was deleted and created again under the same name."""
MODEL_NOT_FOUND = "ModelNotFound"
VERSION_NOT_FOUND = "VersionNotFound"
ALIAS_NOT_FOUND = "AliasNotFound"
REGISTRY_CORRUPT = "RegistryCorrupt"
"""A ConfigMap of the registry does not parse; the message names it and the key at fault."""
REGISTRY_NOT_SERVED = "RegistryNotServed"
"""The operator was not told to serve the registry of this namespace."""
SOURCE_UNSUPPORTED = "SourceUnsupported"
"""The version's artifact is not on S3."""
ALIAS_OWNED_ELSEWHERE = "AliasOwnedElsewhere"
"""Another ModelAlias owns the alias by a pin."""
ALIAS_CONFLICT = "AliasConflict"
"""An older ModelAlias of this namespace serves the same alias."""
HOST_CONFLICT = "HostConflict"
"""An older ModelAlias has the same host and path."""
GATES_NOT_PASSED = "GatesNotPassed"
"""The version that is asked for does not meet spec.gates; what is served stays."""
AWAITING_APPROVAL = "AwaitingApproval"
"""The version that is asked for meets all of spec.gates but the approval, about which nobody has decided."""
FORBIDDEN = "Forbidden"
"""The operator may not do what has to be done; the message says which permission it lacks."""
REFUSED = "Refused"
"""The API server or the registry does not take what has to be written; the message says why."""
NAME_TAKEN = "NameTaken"
"""An object of somebody else's has the name of one that has to be made."""
INVALID_SPEC = "InvalidSpec"
"""What is stored does not fit this operator's version of the kind."""
RETRYING = "Retrying"
"""What has to be done failed several times in a row and is tried again; the message says of what."""
INTERNAL_ERROR = "InternalError"
"""A fault of the operator's own keeps it from working on the object; its log has more."""

# Reasons of a ModelVersion's conditions, beside those above, the puller's (PullReason) and the scheduler's own
PROGRESSING = "Progressing"
PODS_READY = "PodsReady"
SCALED_TO_ZERO = "ScaledToZero"
"""No pods are asked for, and none are there."""
PULLED = "Pulled"
PULLING = "Pulling"
MOUNTED = "Mounted"
"""The artifact is a mounted volume: nothing is pulled."""
PULLER_FAILED = "PullerFailed"
"""The puller ended without a report; its last words are in the message."""
IMAGE_PULL_FAILED = "ImagePullFailed"
CONTAINER_CONFIG_INVALID = "ContainerConfigInvalid"
"""A container cannot be made: a Secret or a ConfigMap that it names is missing, for instance."""
CONTAINER_CRASHED = "ContainerCrashed"
"""The server ended, or was ended because it did not answer; its last words are in the message."""
PODS_REFUSED = "PodsRefused"
"""Quota, Pod Security or another admission refuses the pods."""
PODS_NOT_AVAILABLE = "PodsNotAvailable"
"""The pods had their time and are not Ready, and none of them says why."""

# Reasons of a ModelAlias's conditions, beside those above and the phases of a rollout
SERVED = "Served"
"""What is desired is served."""
PAUSED = "Paused"
"""Another version is desired, and spec.paused keeps the rollout from beginning."""
PODS_NOT_READY = "PodsNotReady"
"""What is served lacks pods; no rollout is under way."""
NOTHING_SERVED = "NothingServed"
"""No version has received traffic yet."""
NO_ENDPOINTS = "NoEndpoints"
"""No pod of the served version is ready."""
ENDPOINTS_READY = "EndpointsReady"
DESIGNATED = "Designated"
"""The registry's alias designates the desired version."""
WRITING_ALIAS = "WritingAlias"
"""The pinned version is being written into the registry."""
PASSED = "Passed"
"""The desired version meets spec.gates."""
NOTHING_TO_JUDGE = "NothingToJudge"
"""No version is desired that gates could judge."""
REVISION_LOST = "RevisionLost"
"""A revision with traffic was deleted, and so was what it could be made again from."""
PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
"""The new revision was not Ready in time, and none of its pods says why."""

# Reasons of a ModelAlias's Events, beside those of its conditions
CONTESTED = "Contested"
"""Another installation of Podium looks after the object, and this one would too; of ModelVersions' Events as well."""
ROLLOUT_STARTED = "RolloutStarted"
TRAFFIC_SWITCHED = "TrafficSwitched"
ROLLOUT_FAILED = "RolloutFailed"
ROLLOUT_ABORTED = "RolloutAborted"
"""The alias moved back during a switch: traffic has returned to the version that was served."""


class Phase(enum.StrEnum):
    """Where a rollout is: status.rollout.phase. Those between Preparing and Complete are a strategy's own."""

    PREPARING = "Preparing"
    """The new revision becomes Ready; traffic stays where it is."""
    OVERLAPPING = "Overlapping"
    """BlueGreen: both revisions receive traffic."""
    SWITCHING = "Switching"
    """BlueGreen: one revision receives traffic, and its endpoints are verified."""
    COMPLETE = "Complete"
    FAILED = "Failed"
    ABORTED = "Aborted"


class RolloutReason(enum.StrEnum):
    """Why a rollout began: the `reason` in status.history."""

    FIRST_ROLLOUT = "FirstRollout"
    ALIAS_MOVED = "AliasMoved"
    VERSION_PINNED = "VersionPinned"
    TEMPLATE_CHANGED = "TemplateChanged"
    """The version is the same, and what it is served with is not."""


class RolloutOutcome(enum.StrEnum):
    """How a rollout ended: the `outcome` in status.history."""

    SWITCHED = "Switched"
    FAILED = "Failed"
    ABORTED = "Aborted"


# The contract between the operator and the programs in a model's pod
MODEL_VERSION_HEADER = "X-Podium-Model-Version"
"""On every answer of /invocations, errors included: the version (a decimal number) that answered."""
SERVER_PORT = 8080
"""Where clients come: INVOCATIONS_PATH, HEALTH_PATH and PING_PATH, and nothing else."""
METRICS_PORT = 8081
"""Where METRICS_PATH and VERSION_PATH are. No Service and no Ingress leads here."""
METRICS_PORT_NAME = "metrics"
INVOCATIONS_PATH = "/invocations"
HEALTH_PATH = "/health"
"""The three probes ask here: 200 while the server may receive traffic."""
PING_PATH = "/ping"
"""The same under the name that SageMaker's clients know."""
VERSION_PATH = "/version"
METRICS_PATH = "/metrics"
GRACE_SECONDS = 60
"""The pod's terminationGracePeriodSeconds: the server has ended by then, or is killed."""
DRAIN_SECONDS = 5
"""How long the server goes on accepting after it was told to end: proxies forget the pod meanwhile."""
SERVICE_PORT = 80
MODEL_DIR = "/model"
"""Where the puller puts the artifact: MODEL_DIR/MLmodel exists after a successful pull."""
TERMINATION_LOG = "/dev/termination-log"
PULLER_CONTAINER = "puller"
SERVER_CONTAINER = "server"
DIGEST_KEY = "digest"
"""Key of the digest's ConfigMap, and the file's name in the pod."""
ENV_SOURCE = "PODIUM_SOURCE"
ENV_MODEL_DIR = "PODIUM_MODEL_DIR"
ENV_MODEL_NAME = "PODIUM_MODEL_NAME"
ENV_MODEL_VERSION = "PODIUM_MODEL_VERSION"
ENV_WORKERS = "PODIUM_WORKERS"
ENV_WORKER_START = "PODIUM_WORKER_START"
"""A WorkerStart."""
ENV_DEVICES = "PODIUM_DEVICES"
"""Devices that the server container asks for, such as `nvidia.com/gpu`, with commas between them."""
ENV_SMOKE_TEST = "PODIUM_SMOKE_TEST"
"""A SmokeTest, where the spec says one."""
ENV_SMOKE_TEST_SECONDS = "PODIUM_SMOKE_TEST_SECONDS"
ENV_DRAIN_SECONDS = "PODIUM_DRAIN_SECONDS"
ENV_PULL_TIMEOUT = "PODIUM_PULL_TIMEOUT"
ENV_PULL_RETRIES = "PODIUM_PULL_RETRIES"
ENV_EXPECTED_DIGEST_FILE = "PODIUM_EXPECTED_DIGEST_FILE"
ENV_S3_PATH_STYLE = "PODIUM_S3_PATH_STYLE"
ENV_PORT = "PODIUM_PORT"
"""Where the server listens instead of on SERVER_PORT, outside of a pod."""
ENV_METRICS_PORT = "PODIUM_METRICS_PORT"
"""Where it listens instead of on METRICS_PORT, outside of a pod."""
ENV_TERMINATION_LOG = "PODIUM_TERMINATION_LOG"
"""Where last words go instead of to TERMINATION_LOG, outside of a pod."""
ENV_TRUSTED_USER_HEADER = "PODIUM_TRUSTED_USER_HEADER"
"""Of a tracking server: the header in which its proxy says who asks."""
ENV_NAMESPACE = "PODIUM_NAMESPACE"
"""Namespace of the registry that the command `podium` works on where none is chosen, as in a tracking server's pod."""
TERMINATION_LOG_LIMIT = 4096
"""Bytes that the kubelet reads of a termination message."""
START_AGAIN_CODE = 75
"""Exit code of a server whose model does not answer in a forked worker: started again, it forks none."""


class WorkerStart(enum.StrEnum):
    """How the server's workers come to the model."""

    AUTO = "Auto"
    """Fork, where the model was seen to answer in a forked worker; else Spawn."""
    FORK = "Fork"
    """It is loaded once, and the workers are forks that share its memory."""
    SPAWN = "Spawn"
    """Each worker is a process of its own that loads it."""


class SmokeTest(enum.StrEnum):
    """Which request a worker must answer before it is healthy."""

    REQUIRED = "Required"
    IF_POSSIBLE = "IfPossible"
    OFF = "Off"


# The server's metrics, each with the labels `model` and `version`
METRIC_REQUESTS = "podium_model_requests_total"
"""Answers of /invocations, by HTTP status code (label `code`)."""
METRIC_ERRORS = "podium_model_request_errors_total"
"""Requests to /invocations that failed through no fault of the client (label `cause`), whatever their status code."""
METRIC_SECONDS = "podium_model_request_duration_seconds"
"""Histogram: from a request's head to the end of its answer."""
METRIC_IN_FLIGHT = "podium_model_requests_in_flight"
"""Requests that a thread works on, those included whose client was told that their time is over."""
METRIC_WAITING = "podium_model_requests_waiting"
"""Requests that wait for a thread."""
METRIC_OLDEST = "podium_model_oldest_request_seconds"
"""How long the oldest of the requests in flight has been worked on."""
METRIC_WORKERS = "podium_model_workers"
"""Workers that answer, by how they were started (label `start`: Fork or Spawn)."""


class ErrorCause(enum.StrEnum):
    """Why a request to /invocations failed: the label `cause` of METRIC_ERRORS."""

    MODEL = "model"
    """Its `predict` raised, or returned what no JSON can hold."""
    TIMEOUT = "timeout"
    """It took longer than a request may."""
    BUSY = "busy"
    """No thread was free for it in time."""
    SERVER = "server"
    """A fault of the server around the model."""


class PullReason(enum.StrEnum):
    """Why a pull failed: the `reason` of the puller's report and of the condition ArtifactReady."""

    SOURCE_INVALID = "SourceInvalid"
    """The URI or a key below it cannot be used."""
    SETTINGS_INVALID = "SettingsInvalid"
    """A variable of the puller's environment cannot be used."""
    NO_SUCH_BUCKET = "NoSuchBucket"
    NO_SUCH_KEY = "NoSuchKey"
    """Nothing is stored below the prefix, or an object vanished."""
    NOT_A_MODEL = "NotAModel"
    """Objects are there, but no MLmodel at their root."""
    TOO_MANY_OBJECTS = "TooManyObjects"
    """So many objects are below the prefix that it cannot be the folder of one model."""
    ACCESS_DENIED = "AccessDenied"
    CREDENTIALS_MISSING = "CredentialsMissing"
    CREDENTIALS_EXPIRED = "CredentialsExpired"
    INVALID_ACCESS_KEY = "InvalidAccessKey"
    SIGNATURE_MISMATCH = "SignatureMismatch"
    """The secret key does not belong to the access key."""
    WRONG_REGION = "WrongRegion"
    ENDPOINT_INVALID = "EndpointInvalid"
    """The endpoint is no URL, or the server there does not speak S3 as a pull needs it."""
    ENDPOINT_UNREACHABLE = "EndpointUnreachable"
    CERTIFICATE_INVALID = "CertificateInvalid"
    CLOCK_SKEWED = "ClockSkewed"
    """The node's clock is so wrong that the store refuses what is signed by it."""
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    """The store, or a proxy in front of it, answered that it cannot answer now."""
    S3_ERROR = "S3Error"
    """Any other error of S3; its code is in the message."""
    OBJECT_TRUNCATED = "ObjectTruncated"
    """Answers ended before the object did, in every try."""
    OBJECT_CHANGED = "ObjectChanged"
    """An object was written again while it was pulled."""
    CHECKSUM_MISMATCH = "ChecksumMismatch"
    """The bytes are not those that the store has a checksum of."""
    DIGEST_MISMATCH = "DigestMismatch"
    """The artifact is not the one that is recorded of this version."""
    TOO_LARGE_FOR_DISK = "TooLargeForDisk"
    DISK_FAILED = "DiskFailed"
    TIMED_OUT = "TimedOut"
    INTERNAL = "InternalError"
    """A fault of the puller itself."""


class KubeFailure(enum.StrEnum):
    """Why there is no answer of the API server: in the place of the reason that its answers have."""

    NO_CONFIGURATION = "NoConfiguration"
    """Neither a service account nor a kubeconfig says where it is."""
    UNREACHABLE = "Unreachable"
    TIMED_OUT = "Timeout"
    UNREADABLE = "Unreadable"
    """What answered does not speak as an API server does."""


class ServerFailure(enum.StrEnum):
    """Why an MLflow server could not be read: reason of the mirror's condition Ready, label `cause` of its metrics."""

    UNREACHABLE = "Unreachable"
    """No connection: the address, DNS, a firewall, or the server is down."""
    TIMED_OUT = "TimedOut"
    """No answer in time."""
    UNAUTHORIZED = "Unauthorized"
    """401: credentials are missing or wrong."""
    FORBIDDEN = "Forbidden"
    """403: the credentials may not read what was asked for."""
    RATE_LIMITED = "RateLimited"
    """429."""
    SERVER_ERROR = "ServerError"
    """5xx."""
    UNREADABLE = "Unreadable"
    """The answer is not one of MLflow's: a login page, or another program at this address."""
    INCONSISTENT = "Inconsistent"
    """A model changed each time while it was read."""
    EMPTY = "Empty"
    """The server shows no model at all, but some are mirrored."""
    UNMEASURED = "Unmeasured"
    """Metrics that an alias's gates ask for could not be read."""


# Reasons of the mirror's conditions beside ServerFailure
MIRRORED = "Mirrored"
MODELS_UNEQUAL = "ModelsUnequal"
"""Some models could not be made equal to the server's; the message names them."""
MIRROR_STARTING = "Starting"
"""The first pass is not done yet."""
REGISTRY_FAILED = "RegistryFailed"
"""The registry in the cluster could not be read or written."""
ADDRESS_CHANGED = "AddressChanged"
"""The registry is the mirror of a server with another address."""


_LABEL_SAFE = re.compile(r"[^a-z0-9-]+")
OBJECT_NAME_LIMIT = 63
"""Services and label values end here; every child name keeps below it."""


MODEL_ALIAS_NAME_LIMIT = 44
"""Longest name of a ModelAlias, so that its revisions' names `{name}-v{version}-{hash}` end at OBJECT_NAME_LIMIT."""
VERSION_LIMIT = 99_999_999
"""Largest number of a model version that can be served: eight digits, for the same reason."""


def short_hash(text: str, length: int = 8) -> str:
    """The first `length` characters (at most 52) of SHA-256 of the text's UTF-8 bytes, in lower-case base32."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()[:length]


def slug(text: str, limit: int) -> str:
    """A readable lower-case piece of a DNS label made from any text, at most `limit` characters, may be empty."""
    return _LABEL_SAFE.sub("-", text.lower()).strip("-")[:limit].strip("-")
