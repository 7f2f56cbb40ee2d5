"""Policies: the gates of a model's aliases <-> their ConfigMap, and its writes.

Data key `gates` holds one JSON object a line: the alias, the ModelAlias that the gates come from, and the gates in the
form of its spec.gates. Whatever does not parse raises CorruptRegistry: a gate that cannot be read is no gate less.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, limits, parsers

_GATES = "gates"


def encode_policy(policy: entities.Policy) -> backend.Record:
    """The ConfigMap of a policy."""
    lines = [_to_json(alias, owner, gates) for alias, (owner, gates) in sorted(policy.gates.items())]
    data = {"format": codec.FORMAT, _GATES: codec.json_lines(lines)}
    return backend.Record(keys.policy_name(policy.model_uid), keys.labels(keys.POLICY, policy.model_uid), data)


def decode_policy(record: backend.Record) -> entities.Policy:
    """The policy in a ConfigMap. Raises CorruptRegistry."""
    parser = codec.open_record(record, keys.POLICY)
    if record.name != keys.policy_name(parser.uid):
        raise parser.corrupt_label("does not belong to this object's name")
    lines = parser.objects(_GATES, _from_json)
    gates = {alias: (owner, demanded) for alias, owner, demanded in lines}
    if len(gates) < len(lines):
        raise parser.corrupt(_GATES, "holds one alias twice")
    return entities.Policy(parser.uid, gates)


def digest(policy: entities.Policy) -> str:
    """What a head says of its policy: empty without any gate."""
    return names.short_hash(encode_policy(policy).data[_GATES], 16) if policy.gates else ""


def read(records: backend.Backend, model_uid: str) -> entities.Policy:
    """The policy of a model, by one GET; without any gate where it has none. Raises CorruptRegistry."""
    record = records.get(keys.policy_name(model_uid))
    return decode_policy(record) if record else entities.Policy(model_uid)


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
                f"alias {alias!r} of {head.name!r} has gates, from {owner}, and cannot be dropped: move it to another "
                "version, or delete the ModelAlias or its spec.gates first"
            )


def try_write(records: backend.Backend, policy: entities.Policy) -> bool:
    """Make the stored policy this one; without any gate it has no ConfigMap. False when another writer was faster.

    Raises TooLarge.
    """
    record = encode_policy(policy)
    limits.check(record, f"the gates of {policy.model_uid}")
    stored = records.get(record.name)
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


def _to_json(alias: str, owner: entities.Pin, gates: entities.Gates) -> dict[str, Any]:
    return {
        "alias": alias,
        **codec.owner_to_json(owner),
        "metrics": [{"name": gate.name, **codec.bound_to_json(gate)} for gate in gates.metrics],
        "tags": dict(sorted(gates.tags.items())),
        "approval": gates.approval,
    }


def _from_json(fields: parsers.Fields) -> tuple[str, entities.Pin, entities.Gates]:
    approval: Any = fields.choice("approval", ("Automatic", "Manual"))
    metrics = tuple(parsers.bound(each.text("name"), each) for each in fields.objects("metrics"))
    return fields.text("alias"), codec.owner_from_json(fields), entities.Gates(metrics, fields.texts("tags"), approval)
