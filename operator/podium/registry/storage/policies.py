"""Policies: reads and writes of the ConfigMap that holds the gates of a model's aliases."""

import dataclasses
from collections.abc import Iterable

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, limits


def digest(policy: entities.Policy) -> str:
    """What a head says of its policy: empty without any gate."""
    return names.short_hash(codec.encode_policy(policy).data["gates"], 16) if policy.gates else ""


def read(records: backend.Backend, model_uid: str) -> entities.Policy:
    """The policy of a model, by one GET; without any gate where it has none. Raises CorruptRegistry."""
    record = records.get(keys.policy_name(model_uid))
    return codec.decode_policy(record) if record else entities.Policy(model_uid)


def check_ungated(records: backend.Backend, head: entities.Head, aliases: Iterable[str]) -> None:
    """Raises InUse for the first of these aliases that has gates: dropped, nothing would be compared with it any more.

    Makes a GET only where the model has gates and an alias is named.
    """
    dropped = sorted(aliases) if head.policy else []
    policy = read(records, head.uid) if dropped else entities.Policy(head.uid)
    for alias in dropped:
        if entry := policy.gates.get(alias):
            owner = entities.describe_holder(entry[0])
            raise errors.InUse(
                f"alias {alias!r} of {head.name!r} has gates, from {owner}, and cannot be deleted: move it to another "
                "version, or delete the ModelAlias or its spec.gates first"
            )


def try_write(records: backend.Backend, policy: entities.Policy) -> bool:
    """Make the stored policy this one; without any gate it has no ConfigMap. False when another writer was faster.

    Raises TooLarge, and CorruptRegistry where the ConfigMap of that name is not the registry's.
    """
    record = codec.encode_policy(policy)
    limits.check(record, f"the gates of {policy.model_uid}")
    stored = records.get(record.name)
    if stored and stored.labels.get(names.REGISTRY_KIND_LABEL) != keys.POLICY:
        raise errors.CorruptRegistry(
            record.name,
            names.REGISTRY_KIND_LABEL,
            "this ConfigMap is not the registry's, but has the name that the "
            f"gates of the model's aliases need: delete it (kubectl delete configmap {record.name})",
        )
    try:
        if stored is None:
            if policy.gates:
                records.create(record)
        elif not policy.gates:
            records.delete(stored.name, stored.resource_version)
        elif (stored.data, stored.labels) != (record.data, {**stored.labels, **record.labels}):
            labels = {**stored.labels, **record.labels}
            records.replace(dataclasses.replace(stored, labels=labels, data=record.data))
    except (backend.Stale, errors.AlreadyExists):
        return False
    return True
