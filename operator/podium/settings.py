"""The operator's settings: frozen, built once in `main` from the environment, passed down."""

import collections.abc
import dataclasses
import re

LEASE_NAME = "podium-operator"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What an installation decides. Every field is read from the environment variable named beside it."""

    namespace: str
    """POD_NAMESPACE: where the operator runs and holds its Lease."""
    identity: str
    """POD_NAME: who holds the Lease."""
    puller_image: str
    """PODIUM_PULLER_IMAGE: image of the init container."""
    server_image: str
    """PODIUM_SERVER_IMAGE: default image of the server container."""
    registry_namespaces: tuple[str, ...]
    """PODIUM_REGISTRY_NAMESPACES: registries that are served, by comma; the first one is the default."""
    watch_namespaces: tuple[str, ...]
    """PODIUM_WATCH_NAMESPACES: namespaces that are served, by comma; empty: all."""
    workers: int = 4
    """PODIUM_WORKERS: keys reconciled at the same time."""
    http_port: int = 8081
    """PODIUM_HTTP_PORT: /healthz, /readyz and /metrics."""
    resync_seconds: float = 600.0
    """PODIUM_RESYNC_SECONDS: every key is looked at again after this time."""
    log_level: str = "INFO"
    """PODIUM_LOG_LEVEL: one of LOG_LEVELS."""
    lease_name: str = LEASE_NAME
    """PODIUM_LEASE_NAME: the processes of one installation share it, those of another have their own."""
    cluster: str = ""
    """PODIUM_CLUSTER: name of this cluster, kept in registries with what its ModelAliases hold there; empty: none.

    Operators of several clusters that share a registry need names of their own: each lets go of what is held under its
    name alone.
    """

    has_fixed_user: bool = True
    """PODIUM_FIXED_USER: models' pods run as user and group 65532; false: as the cluster says."""

    @property
    def installation(self) -> str:
        """How this installation is named in what it looks after: namespace and name of its Lease."""
        return f"{self.namespace}/{self.lease_name}"

    @property
    def default_registry(self) -> str:
        """The registry namespace of objects that name none."""
        return self.registry_namespaces[0]


def from_environment(env: collections.abc.Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises ValueError that names the variable and what to write."""
    required = ("POD_NAMESPACE", "POD_NAME", "PODIUM_PULLER_IMAGE", "PODIUM_SERVER_IMAGE")
    missing = [name for name in required if not env.get(name)]
    if missing:
        raise ValueError(f"set {', '.join(missing)} in the operator's environment (the chart does)")
    registries = _split_names(env.get("PODIUM_REGISTRY_NAMESPACES", "")) or (env["POD_NAMESPACE"],)
    return Settings(
        namespace=env["POD_NAMESPACE"],
        identity=env["POD_NAME"],
        puller_image=env["PODIUM_PULLER_IMAGE"],
        server_image=env["PODIUM_SERVER_IMAGE"],
        registry_namespaces=registries,
        watch_namespaces=_split_names(env.get("PODIUM_WATCH_NAMESPACES", "")),
        workers=whole_number(env, "PODIUM_WORKERS", 4),
        http_port=whole_number(env, "PODIUM_HTTP_PORT", 8081),
        resync_seconds=float(whole_number(env, "PODIUM_RESYNC_SECONDS", 600)),
        log_level=log_level(env.get("PODIUM_LOG_LEVEL") or "INFO"),
        lease_name=env.get("PODIUM_LEASE_NAME") or LEASE_NAME,
        cluster=_parse_cluster(env.get("PODIUM_CLUSTER", "")),
        has_fixed_user=_parse_truth(env, "PODIUM_FIXED_USER", default=True),
    )


def _split_names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _parse_cluster(text: str) -> str:
    if text and (len(text) > 63 or not _DNS_LABEL.fullmatch(text)):
        raise ValueError(
            f"PODIUM_CLUSTER is {text!r}: write at most 63 lower-case letters, digits and dashes, such as east-1"
        )
    return text


def _parse_truth(env: collections.abc.Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name) or str(default).lower()
    if text not in ("true", "false"):
        raise ValueError(f"{name} is {text!r}: write true or false")
    return text == "true"


def log_level(text: str) -> str:
    """The level of a log that PODIUM_LOG_LEVEL names. Raises ValueError that says what to write."""
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"PODIUM_LOG_LEVEL is {text!r}: write one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def whole_number(env: collections.abc.Mapping[str, str], name: str, default: int) -> int:
    """A variable that is a number of 1 or more. Raises ValueError that names it and says what to write."""
    text = env.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} is {text!r}: write a whole number of 1 or more")
    return int(text)
