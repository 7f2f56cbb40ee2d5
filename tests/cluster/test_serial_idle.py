"""An operator with nothing to do does nothing: counted from the API server's audit log."""

import collections
import collections.abc
import json
import pathlib
import time

import pytest

from podium import names
from tests.support import cluster as support
from tests.support import installed, models, operators

pytestmark = pytest.mark.serial

IDLE_SECONDS = 120.0
USER = "system:serviceaccount:{namespace}:podium-operator"


def test_in_two_idle_minutes_the_operator_makes_no_call_but_watches_and_the_lease(
    api: support.Api,
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    namespace: support.Namespace,
    model: models.NewModel,
    record_property: collections.abc.Callable[[str, object], None],
) -> None:
    audit = pathlib.Path(cluster.environment["PODIUM_AUDIT_LOG"])
    apply_all_kinds_of_situations(namespace, model, images)
    api.delete("Pod", podium.namespace, operators.pods(api, podium)[0]["metadata"]["name"])
    support.wait_for("a new operator to lead", lambda: is_led(api, podium), timeout=60)
    time.sleep(8)  # what the new one looks at, for once

    begun = audit.stat().st_size
    time.sleep(IDLE_SECONDS)
    calls = calls_since(audit, begun, USER.format(namespace=podium.namespace))

    others = collections.Counter(
        f"{verb} {resource}" for verb, resource in calls if verb != "watch" and resource != "leases"
    )
    counted = collections.Counter("watch" if verb == "watch" else resource for verb, resource in calls)
    record_property("figure", f"calls in {IDLE_SECONDS:g} idle seconds: {dict(counted)}")
    assert counted["leases"] > IDLE_SECONDS / 4, "the audit log is not the one of this operator"
    assert others == collections.Counter()


def is_led(api: support.Api, podium: installed.Podium) -> bool:
    found = operators.pods(api, podium)
    return (
        len(found) == 1
        and operators.is_ready(found[0])
        and operators.holder(api, podium) == found[0]["metadata"]["name"]
    )


def apply_all_kinds_of_situations(
    namespace: support.Namespace, model: models.NewModel, images: installed.Images
) -> None:
    """Served, served with a failed candidate, waiting for its model, for its alias, for an approval, standing alone,
    scaled to 0."""
    served, failing = model(), model()
    served.set_alias("champion", served.add())
    failing.set_alias("champion", failing.add())
    rollout = {"previous": {"delay": "1s"}, "progressDeadline": "20s", "overlap": "0s"}
    for name, chosen in (("served", served), ("failing", failing)):
        namespace.apply(
            models.model_alias(name, chosen.name, images.light, rollout=rollout, template=models.impatient())
        )
    namespace.apply(models.model_alias("waits-for-a-model", "no-such-model", images.light))
    namespace.apply(models.model_alias("waits-for-an-alias", served.name, images.light, alias="nobody"))
    served.set_alias("gated", 1)
    manual = {"approval": "Manual"}
    namespace.apply(models.model_alias("waits-for-approval", served.name, images.light, alias="gated", gates=manual))
    namespace.apply(models.model_version("alone", served.name, 1, images.light))
    namespace.apply(models.model_version("empty", served.name, 1, images.light, replicas=0))
    namespace.apply(models.model_version("waits-for-a-version", served.name, 99, images.light))
    namespace.wait_served("served", 1)
    namespace.wait_served("failing", 1)
    failing.set_alias("champion", failing.add(models.light(fail="load")))
    served.set_alias("champion", served.add())
    namespace.wait_served("served", 2)
    for name in ("alone", "empty"):
        namespace.wait_condition("ModelVersion", name, "Ready")
    namespace.wait_condition("ModelAlias", "waits-for-a-model", "Stalled", reason=names.MODEL_NOT_FOUND)
    namespace.wait_condition("ModelAlias", "waits-for-an-alias", "Stalled", reason=names.ALIAS_NOT_FOUND)
    namespace.wait_condition(
        "ModelAlias", "waits-for-approval", names.READY, status="False", reason=names.AWAITING_APPROVAL
    )
    namespace.wait_condition("ModelVersion", "waits-for-a-version", "Stalled", reason=names.VERSION_NOT_FOUND)
    namespace.wait(
        "ModelAlias", "failing", "has a failed candidate", lambda found: "failed" in found.get("status", {}), timeout=90
    )
    support.wait_for("three pods", lambda: len(namespace.list("Pod")) == 3, timeout=90, describe=namespace.describe)


def calls_since(audit: pathlib.Path, offset: int, user: str) -> list[tuple[str, str]]:
    """Verb and resource of the calls that a user has made since the log was so long."""
    with audit.open("rb") as log:
        log.seek(offset)
        events = [json.loads(line) for line in log.read().splitlines() if line.endswith(b"}")]
    return [
        (event["verb"], event.get("objectRef", {}).get("resource", event["requestURI"]))
        for event in events
        if event["user"]["username"] == user and event["stage"] != "ResponseStarted"
    ]
