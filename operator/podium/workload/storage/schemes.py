"""The schemes that artifacts can be served from, each with its delivery."""

import collections.abc

from podium.workload.storage import delivery, s3

_S3 = s3.S3()
_DELIVERIES: collections.abc.Mapping[str, delivery.Delivery] = {"s3": _S3, "s3a": _S3, "s3n": _S3}
"""Hadoop and Spark call S3 s3a and s3n."""


def find_delivery(uri: str) -> delivery.Delivery | None:
    """The delivery of the artifact at this URI; None where nothing brings it from there."""
    scheme, separator, _ = uri.partition("://")
    return _DELIVERIES.get(scheme) if separator else None
