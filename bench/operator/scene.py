"""What the operator is shown: a registry of many versions, and ModelAliases that follow some of its models."""

import concurrent.futures

from podium import names
from podium.kube import session
from podium.kube.registry import configmaps
from podium.manifest import Manifest
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, codec

REGISTRY, MODELS = "podium-system", "models"
ALIAS = "champion"
BEGIN_MS = 1_700_000_000_000
_WRITERS = 16
_BASE = f"{names.GROUP}/{names.API_VERSION}"


def name_model(index: int) -> str:
    """The registered model of a ModelAlias, which has the same name."""
    return f"model-{index:04d}"


def fill_registry(api: session.Session, models: int, versions: int, tag_bytes: int = 0) -> None:
    """So many models, with so many versions in all; `tag_bytes` of tags on each version."""
    each = versions // models
    records = [record for index in range(models) for record in _build_model(index, each, tag_bytes)]
    store_records(api, records)


def store_records(api: session.Session, records: list[backend.Record]) -> None:
    """Write ConfigMaps past the registry."""
    place = configmaps.ConfigMapBackend(api, REGISTRY)
    with concurrent.futures.ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(place.create, records))


def _build_model(index: int, versions: int, tag_bytes: int) -> list[backend.Record]:
    name = name_model(index)
    uid = f"{name}-k3v6wqe2zt5ymd4a"
    actor = entities.Actor("joe@example.com", "basic", True)
    moves = tuple(
        entities.HistoryEntry(n, BEGIN_MS + n, ALIAS, n - 1 or None, n, actor, "set", why="nightly training")
        for n in range(1, 11)
    )
    head = entities.Head(
        uid, name, "A model of the measurement", {"team": f"team-{index}"}, {ALIAS: 1}, versions, BEGIN_MS, BEGIN_MS,
        history=moves[:1], history_total=1,
    )  # fmt: skip
    tags = {"team": f"team-{index % 20}", "framework": "sklearn", "validation_status": "approved"}
    tags |= {f"notes-{n}": "x" * min(100_000, tag_bytes - n) for n in range(0, tag_bytes, 100_000)}
    made = [codec.encode_head(head), codec.encode_claim(entities.Claim(name, uid))]
    for number in range(1, versions + 1):
        source = f"s3://models/{name}/{number}/artifacts/model"
        version = entities.Version(
            uid, number, source, run_id=f"{index:03d}{number:029d}", tags=tags, created_ms=BEGIN_MS, updated_ms=BEGIN_MS
        )
        made.append(codec.encode_version(version))
    return made


def build_fat_model(index: int, versions: int, tag_bytes: int) -> list[backend.Record]:
    """A model that nobody serves, with long tags."""
    return _build_model(index, versions, tag_bytes)


def apply_aliases(api: session.Session, count: int) -> None:
    """So many ModelAliases without pods."""
    with concurrent.futures.ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda index: _create_alias(api, index), range(count)))


def _create_alias(api: session.Session, index: int) -> None:
    resources = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "1000m", "memory": "1Gi"}}
    template = {"replicas": 0, "storage": {"secretName": "s3"}, "resources": resources}
    spec = {"model": name_model(index), "alias": ALIAS, "template": template, "rollout": {"overlap": "0s"}}
    body: Manifest = {"apiVersion": _BASE, "kind": "ModelAlias", "metadata": {"name": name_model(index)}, "spec": spec}
    api.request("POST", f"/apis/{_BASE}/namespaces/{MODELS}/modelaliases", body=body)


def move_alias(api: session.Session, index: int, version: int) -> None:
    """As MLflow's store does it."""
    registry = store.Registry(configmaps.ConfigMapBackend(api, REGISTRY))
    registry.aliases.set(name_model(index), ALIAS, version)


def read_selected(api: session.Session, index: int) -> str:
    """The revision that the Service of a ModelAlias selects."""
    found = api.request("GET", f"/api/v1/namespaces/{MODELS}/services/{name_model(index)}")
    return str((found["spec"].get("selector") or {}).get(names.MODEL_VERSION_NAME_LABEL, ""))


def count_ready(api: session.Session, plural: str) -> int:
    """How many objects of a kind are Ready."""
    total = 0
    for page in api.pages(f"/apis/{_BASE}/namespaces/{MODELS}/{plural}", labels="", limit=200):
        for each in page.items:
            conditions = each.get("status", {}).get("conditions", [])
            total += any(c["type"] == names.READY and c["status"] == "True" for c in conditions)
    return total


def count_events(api: session.Session) -> int:
    """Events there are; a series counts as often as it was told."""
    path = f"/apis/events.k8s.io/v1/namespaces/{MODELS}/events"
    pages = api.pages(path, labels="", limit=500)
    return sum((each.get("series") or {}).get("count", 1) for page in pages for each in page.items)
