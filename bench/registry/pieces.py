"""What a read by alias and a change of a tag are made of: each piece measured by itself, one client."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable

from bench.registry import load

from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.storage import codec, keys

TIMES = 400


def of_calls(api: session.Session, namespace: str) -> list[tuple[str, float]]:
    """Names of the pieces and their median in milliseconds."""
    records = configmaps.ConfigMapBackend(api, namespace)
    registry = store.Registry(records)
    name = load.model_name(1)
    head = registry.models.fresh(name)
    number = head.aliases["champion"]
    names = [head.uid, keys.version_name(head.uid, number)]
    pair = records.get_many(names)
    assert pair[0]
    assert pair[1]
    head_record, version_record = pair[0], pair[1]
    version, stored = codec.decode_version(version_record), [version_record]
    turns = itertools.count()

    def put() -> None:
        changed = codec.encode_version(dataclasses.replace(version, tags={"turn": str(next(turns))}))
        stored.append(records.replace(dataclasses.replace(stored.pop(), data=changed.data)))

    pieces: list[tuple[str, Callable[[], object]]] = [
        ("one GET with its JSON (API server, TLS, client)", lambda: records.get(names[0])),
        ("two GETs under way at once", lambda: records.get_many(names)),
        ("decode a head", lambda: codec.decode_head(head_record)),
        ("decode a version", lambda: codec.decode_version(version_record)),
        (
            "that read without a watch, Registry.aliases.fresh",
            lambda: registry.aliases.fresh(name, "champion"),
        ),
        ("one PUT of a version, encoded before", put),
    ]
    return [(what, _median_ms(call)) for what, call in pieces]


def _median_ms(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000
