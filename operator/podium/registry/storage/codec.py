"""Entities <-> ConfigMaps.

A person reads them with `kubectl get configmap -o yaml`: one data key a field, numbers in decimals, texts as JSON
strings (so that "" differs from none, and control characters are escaped), aliases as lines ``champion=3`` (which an
admission policy can split), tags as one JSON object, claims of ModelAliases and history as one JSON object a line.
A field that is None or empty has no key. Whatever does not parse raises CorruptRegistry with the object and the key.
Gates stand in their ConfigMap in the form of a ModelAlias's spec.gates: one JSON object a line, with the alias and the
ModelAlias that they come from. A gate that cannot be read is an error, never one gate less.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, keys, parsers

Entity: TypeAlias = entities.Claim | entities.Head | entities.Version | entities.Archive | entities.Policy
FORMAT = "1"
"""Value of data key `format`; a reader refuses others, as written by a newer Podium."""
WRITES = "writes"
"""Data key of Claim.write, Head.writes and Version.writes."""


def encode_claim(claim: entities.Claim) -> backend.Record:
    """The ConfigMap of a claim."""
    data = {"format": FORMAT, "name": _encode_text(claim.name), "uid": claim.uid, WRITES: claim.write}
    return backend.Record(keys.claim_name(claim.name), keys.labels(keys.CLAIM, claim.uid), _drop_empty(data))


def decode_claim(record: backend.Record) -> entities.Claim:
    """The claim in a ConfigMap. Raises CorruptRegistry."""
    parser = open_record(record, keys.CLAIM)
    name, uid = parser.text("name"), parser.plain("uid")
    if keys.claim_name(name) != record.name:
        raise parser.corrupt("name", f"another name's claim: {name!r} has ConfigMap {keys.claim_name(name)}")
    if parser.uid != uid:
        raise parser.corrupt("uid", f"{uid!r} differs from the label's {parser.uid!r}")
    return entities.Claim(name, uid, " ".join(parser.words(WRITES)))


def encode_head(head: entities.Head) -> backend.Record:
    """The ConfigMap of a head."""
    data = {
        "format": FORMAT,
        "name": _encode_text(head.name),
        "description": _encode_optional_text(head.description),
        "tags": _encode_tags(head.tags),
        "aliases": "".join(f"{alias}={number}\n" for alias, number in sorted(head.aliases.items())),
        "lastVersion": str(head.last_version),
        "createdMs": str(head.created_ms),
        "updatedMs": str(head.updated_ms),
        "serving": json_lines(_claim_to_json(claim) for _, claim in sorted(head.serving.items())),
        "pins": json_lines(_pin_to_json(alias, pin) for alias, pin in sorted(head.pins.items())),
        "history": encode_history(head.history),
        "historyTotal": str(head.history_total),
        "archives": str(head.archives),
        "deleting": " ".join(str(number) for number in head.deleting),
        "deleted": _encode_flag(head.is_deleted),
        "renaming": _encode_optional_text(head.renaming),
        "renamedMs": str(head.renamed_ms or ""),
        "usesStages": _encode_flag(head.uses_stages),
        "stagings": str(head.stagings or ""),
        "mirror": _encode_text(head.mirror) if head.mirror else "",
        "policyDigest": head.policy,
        "operations": "".join(f"{operation}={number}\n" for operation, number in head.operations),
        WRITES: " ".join(head.writes),
    }
    return backend.Record(head.uid, keys.labels(keys.HEAD, head.uid), _drop_empty(data))


def decode_head(record: backend.Record) -> entities.Head:
    """The head in a ConfigMap. Raises CorruptRegistry."""
    parser = open_record(record, keys.HEAD)
    if parser.uid != record.name:
        raise parser.corrupt_label("differs from the object's name")
    head = entities.Head(
        uid=record.name,
        name=parser.text("name"),
        description=parser.optional_text("description"),
        tags=parser.tags("tags"),
        aliases=dict(parser.pairs("aliases")),
        last_version=parser.number("lastVersion"),
        created_ms=parser.number("createdMs"),
        updated_ms=parser.number("updatedMs"),
        serving={claim.uid: claim for claim in parser.objects("serving", _claim_from_json)},
        pins=dict(parser.objects("pins", _pin_from_json)),
        history=parser.history("history"),
        history_total=parser.number("historyTotal", default=0),
        archives=parser.number("archives", default=0),
        deleting=parser.numbers("deleting"),
        is_deleted=parser.flag("deleted"),
        renaming=parser.optional_text("renaming"),
        renamed_ms=parser.number("renamedMs", default=0),
        uses_stages=parser.flag("usesStages"),
        stagings=parser.number("stagings", default=0),
        mirror=parser.optional_text("mirror") or "",
        policy=" ".join(parser.words("policyDigest")),
        operations=parser.pairs("operations"),
        writes=parser.words(WRITES),
    )
    if head.history and head.history[-1].sequence != head.history_total:
        raise parser.corrupt("history", f"ends with sequence {head.history[-1].sequence}, not {head.history_total}")
    return head


def encode_version(version: entities.Version) -> backend.Record:
    """The ConfigMap of a version."""
    data = {
        "format": FORMAT,
        "number": str(version.number),
        "source": _encode_text(version.source),
        "location": _encode_optional_text(version.location),
        "runId": _encode_optional_text(version.run_id),
        "runLink": _encode_optional_text(version.run_link),
        "description": _encode_optional_text(version.description),
        "tags": _encode_tags(version.tags),
        "stage": _encode_text(version.stage),
        "staging": str(version.staging or ""),
        "userId": _encode_optional_text(version.user_id),
        "status": _encode_text(version.status),
        "statusMessage": _encode_optional_text(version.status_message),
        "modelId": _encode_optional_text(version.model_id),
        "createdMs": str(version.created_ms),
        "updatedMs": str(version.updated_ms),
        "deleted": _encode_flag(version.deleted),
        "approvals": json_lines(approval_to_json(approval) for approval in version.approvals),
        "digest": version.digest or "",
        "operationId": _encode_text(version.operation_id) if version.operation_id else "",
        "madeMs": str(version.made_ms or ""),
        WRITES: " ".join(version.writes),
    }
    name = keys.version_name(version.model_uid, version.number)
    return backend.Record(name, keys.labels(keys.VERSION, version.model_uid), _drop_empty(data))


def decode_version(record: backend.Record) -> entities.Version:
    """The version in a ConfigMap. Raises CorruptRegistry."""
    parser = open_record(record, keys.VERSION)
    number = parser.number("number")
    if record.name != keys.version_name(parser.uid, number):
        raise parser.corrupt("number", f"{number} does not belong to this object's name and label")
    return entities.Version(
        model_uid=parser.uid,
        number=number,
        source=parser.text("source"),
        location=parser.optional_text("location"),
        run_id=parser.optional_text("runId"),
        run_link=parser.optional_text("runLink"),
        description=parser.optional_text("description"),
        tags=parser.tags("tags"),
        stage=parser.text("stage"),
        staging=parser.number("staging", default=0),
        user_id=parser.optional_text("userId"),
        status=parser.text("status"),
        status_message=parser.optional_text("statusMessage"),
        model_id=parser.optional_text("modelId"),
        created_ms=parser.number("createdMs"),
        updated_ms=parser.number("updatedMs"),
        deleted=parser.flag("deleted"),
        operation_id=parser.optional_text("operationId") or "",
        made_ms=parser.number("madeMs", default=0),
        approvals=parser.objects("approvals", approval_from_json),
        digest=parser.digest("digest"),
        writes=parser.words(WRITES),
    )


def encode_archive(archive: entities.Archive) -> backend.Record:
    """The ConfigMap of an archive."""
    data = {"format": FORMAT, "number": str(archive.number), "history": encode_history(archive.entries)}
    name = keys.archive_name(archive.model_uid, archive.number)
    return backend.Record(name, keys.labels(keys.ARCHIVE, archive.model_uid), data)


def decode_archive(record: backend.Record) -> entities.Archive:
    """The archive in a ConfigMap. Raises CorruptRegistry."""
    parser = open_record(record, keys.ARCHIVE)
    number, entries = parser.number("number"), parser.history("history")
    if record.name != keys.archive_name(parser.uid, number):
        raise parser.corrupt("number", f"{number} does not belong to this object's name and label")
    if not entries:
        raise parser.corrupt("history", "holds no entry")
    return entities.Archive(parser.uid, number, entries)


def encode_policy(policy: entities.Policy) -> backend.Record:
    """The ConfigMap of a policy."""
    lines = [_gates_to_json(alias, owner, gates) for alias, (owner, gates) in sorted(policy.gates.items())]
    data = {"format": FORMAT, "gates": json_lines(lines)}
    return backend.Record(keys.policy_name(policy.model_uid), keys.labels(keys.POLICY, policy.model_uid), data)


def decode_policy(record: backend.Record) -> entities.Policy:
    """The policy in a ConfigMap. Raises CorruptRegistry."""
    parser = open_record(record, keys.POLICY)
    if record.name != keys.policy_name(parser.uid):
        raise parser.corrupt_label("does not belong to this object's name")
    lines = parser.objects("gates", _gates_from_json)
    gates = {alias: (owner, demanded) for alias, owner, demanded in lines}
    if len(gates) < len(lines):
        raise parser.corrupt("gates", "contains one alias twice")
    return entities.Policy(parser.uid, gates)


def decode(record: backend.Record, kind: str) -> Entity:
    """What a ConfigMap of this kind holds. Raises CorruptRegistry, also for what is no kind."""
    if decode_kind := _DECODERS.get(kind):
        return decode_kind(record)
    raise errors.CorruptRegistry(record.name, names.REGISTRY_KIND_LABEL, f"label is {kind!r}")


def encode_history(entries: Iterable[entities.HistoryEntry]) -> str:
    """One JSON object a line, oldest first; an entry that was read stays as it is recorded."""
    return "".join([f"{each.record}\n" if each.record else json_lines([entry_to_json(each)]) for each in entries])


def open_record(record: backend.Record, kind: str) -> parsers.Parser:
    """A reader of a ConfigMap that should be of this kind and of this format. Raises CorruptRegistry."""
    parser = parsers.Parser(record, kind)
    if (found := parser.plain("format")) != FORMAT:
        raise parser.corrupt("format", f"{found!r} is not {FORMAT!r}: a newer Podium wrote it, or an edit changed it")
    return parser


def _drop_empty(data: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in data.items() if value}


def _encode_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encode_flag(value: bool) -> str:
    return "true" if value else ""


def _encode_optional_text(value: str | None) -> str:
    return "" if value is None else _encode_text(value)


def _encode_tags(tags: entities.Tags) -> str:
    return json.dumps(dict(sorted(tags.items())), ensure_ascii=False, indent=0) if tags else ""


def json_lines(values: Iterable[dict[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def entry_to_json(entry: entities.HistoryEntry) -> dict[str, Any]:
    """One line of history; parsers.parse_entry is the inverse.

    The chart's admission policy reads what stands at the very end, which nothing before it can contradict: in JSON the
    last field of a name counts. So whatever is to be added stands before `sequence`.
    """
    return {
        **({"why": entry.why} if entry.why else {}),
        **_evidence_to_json(entry.evidence),
        "sequence": entry.sequence,
        "timeMs": entry.time_ms,
        "alias": entry.alias,
        "from": entry.from_version,
        "to": entry.to_version,
        "reason": entry.reason,
        **_actor_to_json(entry.actor),
    }


def _actor_to_json(actor: entities.Actor) -> dict[str, Any]:
    return {"user": actor.user, "via": actor.via, "verified": actor.verified}


def _evidence_to_json(evidence: entities.Evidence) -> dict[str, Any]:
    gates = [_gate_to_json(gate) for gate in evidence.gates]
    return {
        **({"gates": gates} if gates else {}),
        **({"metrics": dict(evidence.metrics)} if evidence.metrics else {}),
        **_artifact_to_json(evidence),
    }


def _artifact_to_json(said: entities.Evidence | entities.Approval) -> dict[str, str]:
    """The artifact that something was said of."""
    return {
        **({"artifact": said.artifact} if said.artifact else {}),
        **({"digest": said.digest} if said.digest else {}),
    }


def _gate_to_json(gate: entities.GateRecord) -> dict[str, Any]:
    return {
        "gate": gate.gate,
        "passed": gate.passed,
        "value": gate.value,
        **({"rule": _rule_to_json(gate.rule)} if gate.rule else {}),
        **({"outcome": gate.outcome} if gate.outcome else {}),
        **({"cause": gate.cause} if gate.cause else {}),
    }


def _rule_to_json(rule: entities.Rule) -> dict[str, Any]:
    match rule:
        case entities.MetricGate():
            return {"metric": rule.name, **_bound_to_json(rule)}
        case entities.TagGate():
            return {"tag": rule.key, "value": rule.value}
        case entities.ApprovalGate():
            return {"approval": "Manual"}


def _bound_to_json(gate: entities.MetricGate) -> dict[str, Any]:
    """What a metric is held against, in the form of spec.gates; parsers.parse_bound is the inverse."""
    if gate.not_worse_than is not None:
        than = {"alias": gate.not_worse_than, "tolerance": gate.tolerance, "better": gate.better}
        return {"notWorseThan": than}
    return {"min": gate.min} if gate.min is not None else {"max": gate.max}


def approval_to_json(approval: entities.Approval) -> dict[str, Any]:
    """One decision; its end is read as that of an entry of the history."""
    return {
        **({"why": approval.why} if approval.why else {}),
        **_artifact_to_json(approval),
        "decision": approval.decision,
        "timeMs": approval.time_ms,
        **_actor_to_json(approval.actor),
    }


def approval_from_json(fields: parsers.Fields) -> entities.Approval:
    """The inverse of approval_to_json. Raises ValueError."""
    decision: Any = fields.choice("decision", ("approved", "rejected"))
    return entities.Approval(
        decision,
        fields.number("timeMs"),
        fields.actor(),
        fields.optional_text("why"),
        fields.optional_text("artifact"),
        fields.optional_text("digest") or None,
    )


def _claim_to_json(claim: entities.ServingClaim) -> dict[str, Any]:
    return {
        "uid": claim.uid,
        "namespace": claim.namespace,
        "name": claim.name,
        "versions": list(claim.versions),
        **_cluster_to_json(claim),
    }


def _claim_from_json(fields: parsers.Fields) -> entities.ServingClaim:
    return entities.ServingClaim(
        uid=fields.text("uid"),
        namespace=fields.text("namespace"),
        name=fields.text("name"),
        versions=fields.numbers("versions"),
        cluster=fields.optional_text("cluster"),
    )


def _pin_to_json(alias: str, pin: entities.Pin) -> dict[str, Any]:
    return {"alias": alias, **_owner_to_json(pin)}


def _pin_from_json(fields: parsers.Fields) -> tuple[str, entities.Pin]:
    return fields.text("alias"), _owner_from_json(fields)


def _owner_to_json(pin: entities.Pin) -> dict[str, str]:
    """The ModelAlias that owns an alias or its gates; the name of its cluster only where there is one."""
    return {"uid": pin.uid, "namespace": pin.namespace, "name": pin.name, **_cluster_to_json(pin)}


def _owner_from_json(fields: parsers.Fields) -> entities.Pin:
    """The inverse of _owner_to_json. Raises ValueError."""
    cluster = fields.optional_text("cluster")
    return entities.Pin(fields.text("uid"), fields.text("namespace"), fields.text("name"), cluster)


def _cluster_to_json(holder: entities.Holder) -> dict[str, str]:
    return {"cluster": holder.cluster} if holder.cluster else {}


def _gates_to_json(alias: str, owner: entities.Pin, gates: entities.Gates) -> dict[str, Any]:
    return {
        "alias": alias,
        **_owner_to_json(owner),
        "metrics": [{"name": gate.name, **_bound_to_json(gate)} for gate in gates.metrics],
        "tags": dict(sorted(gates.tags.items())),
        "approval": gates.approval,
    }


def _gates_from_json(fields: parsers.Fields) -> tuple[str, entities.Pin, entities.Gates]:
    approval: Any = fields.choice("approval", ("Automatic", "Manual"))
    metrics = tuple(parsers.parse_bound(each.text("name"), each) for each in fields.objects("metrics"))
    return fields.text("alias"), _owner_from_json(fields), entities.Gates(metrics, fields.texts("tags"), approval)


_DECODERS: Mapping[str, Callable[[backend.Record], Entity]] = {
    keys.CLAIM: decode_claim,
    keys.HEAD: decode_head,
    keys.VERSION: decode_version,
    keys.ARCHIVE: decode_archive,
    keys.POLICY: decode_policy,
}
