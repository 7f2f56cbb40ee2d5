"""The mark of a registry that mirrors an MLflow server: one ConfigMap, beside the mark in each mirrored head.

The mirror also writes there what it saw last. A registry reads only which server it is a mirror of, if any.
"""

import contextlib

from podium import errors, names
from podium.registry.storage import backend
from podium.texts import quote

NAME = "podium-mirror"
ADDRESS = "address"
"""Data key: the MLflow server's address; a mark without it marks nothing."""


def mark(address: str) -> backend.Record:
    """The mark of a mirror of the MLflow server with this address (which holds no credentials)."""
    return backend.Record(NAME, {names.MANAGED_BY_LABEL: names.MANAGED_BY}, {ADDRESS: address})


def address(records: backend.Backend) -> str:
    """The MLflow server that this registry is a mirror of; "" for one that stands for itself."""
    record = records.get(NAME)
    return record.data.get(ADDRESS, "") if record else ""


def check_creation(records: backend.Backend, model_name: str) -> None:
    """Raises Mirrored where new models come from an MLflow server."""
    if found := address(records):
        raise errors.Mirrored(
            f"this registry is a mirror of the MLflow server {found}: create {quote(model_name)} there, and it "
            "appears here"
        )


def remove(records: backend.Backend) -> None:
    """The registry is not a mirror any more."""
    while record := records.get(NAME):
        with contextlib.suppress(backend.Stale):  # the mirror has just written into it
            records.delete(NAME, record.resource_version)
