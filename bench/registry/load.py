"""The same models and versions for both stores, written past them: what is measured is not how they were loaded."""

from concurrent import futures

from mlflow.store.model_registry.dbmodels import models
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import insert

from podium.registry.model import entities
from podium.registry.storage import backend, codec

BEGIN_MS = 1_700_000_000_000
TEAMS = 200
"""A version bears the tag `team` with one of so many values."""
WRITERS = 16


def model_name(index: int) -> str:
    return f"model-{index:03d}"


def _tags(model: int, number: int) -> dict[str, str]:
    return {"team": f"team-{(model * 7 + number) % TEAMS}", "framework": "sklearn", "validation_status": "approved"}


def _source(model: int, number: int) -> str:
    return f"s3://models/{model_name(model)}/{number}/artifacts/model"


def into_podium(records: backend.Backend, model_count: int, versions_each: int) -> None:
    """One claim, one head and its versions for each model."""
    made = []
    for model in range(model_count):
        uid, name = f"{model_name(model)}-k3v6wqe2zt5ymd4a", model_name(model)
        move = entities.HistoryEntry(1, BEGIN_MS, "champion", None, 1, entities.Actor("joe", "basic", True), "set")
        head = entities.Head(
            uid,
            name,
            "A model of the measurement",
            {"team": f"team-{model}"},
            {"champion": 1},
            versions_each,
            BEGIN_MS,
            BEGIN_MS,
            history=(move,),
            history_total=1,
        )
        made += [codec.encode_head(head), codec.encode_claim(entities.Claim(name, uid))]
        for number in range(1, versions_each + 1):
            at = BEGIN_MS + model * versions_each + number
            version = entities.Version(uid, number, _source(model, number), run_id=f"{model:03d}{number:029d}",
                tags=_tags(model, number), created_ms=at, updated_ms=at)  # fmt: skip
            made.append(codec.encode_version(version))
    with futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(records.create, made))


def into_sql(uri: str, model_count: int, versions_each: int) -> None:
    """The same rows."""
    store = SqlAlchemyStore(uri)
    heads, aliases, versions, tags, model_tags = [], [], [], [], []
    for model in range(model_count):
        name = model_name(model)
        times = {"creation_time": BEGIN_MS, "last_updated_time": BEGIN_MS}
        heads.append({"name": name, "description": "A model of the measurement", **times})
        model_tags.append({"name": name, "key": "team", "value": f"team-{model}"})
        aliases.append({"name": name, "alias": "champion", "version": 1})
        for number in range(1, versions_each + 1):
            at = BEGIN_MS + model * versions_each + number
            row = {"name": name, "version": number, "source": _source(model, number), "status": "READY"}
            run_id = f"{model:03d}{number:029d}"
            versions.append(row | {"run_id": run_id, "creation_time": at, "last_updated_time": at})
            pairs = _tags(model, number).items()
            tags += [{"name": name, "version": number, "key": key, "value": value} for key, value in pairs]
    with store.engine.begin() as connection:
        connection.execute(insert(models.SqlRegisteredModel), heads)
        connection.execute(insert(models.SqlRegisteredModelTag), model_tags)
        connection.execute(insert(models.SqlModelVersion), versions)
        connection.execute(insert(models.SqlModelVersionTag), tags)
        connection.execute(insert(models.SqlRegisteredModelAlias), aliases)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
