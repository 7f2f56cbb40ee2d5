"""Webhooks: which model a signed message of MLflow's speaks of, if it is to be believed.

MLflow signs ``<delivery id>.<timestamp>.<body>`` by HMAC-SHA256 with the webhook's secret (mlflow/webhooks/delivery.py)
and repeats what was answered with 429 or 5xx under the same id. A message is only a hint: what it says of the model is
not used, the model is read.
"""

import base64
import collections
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping

SIGNATURE_HEADER = "X-MLflow-Signature"
TIMESTAMP_HEADER = "X-MLflow-Timestamp"
DELIVERY_HEADER = "X-MLflow-Delivery-Id"
VERSION = "v1"
MAX_AGE_SECONDS = 300
"""How far the message's time may be from ours; MLflow stops repeating before that."""
REMEMBERED = 20_000
"""Deliveries that are remembered at most, of those that are young enough to be repeated."""


class Refused(Exception):
    """The message is not to be believed; `result` is what is counted, `status` the answer's."""

    def __init__(self, result: str, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.result, self.status = result, status


class Door:
    """Lets in messages signed with the secret, each once; safe to use from several threads."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        if not secret:
            raise ValueError("a webhook without a secret would believe anybody")
        self._secret, self._clock = secret.encode(), clock
        self._known: collections.OrderedDict[str, float] = collections.OrderedDict()
        self._lock = threading.Lock()

    def admit(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The name of the model that it speaks of; None for an event without one. Raises Refused."""
        delivery, timestamp = headers.get(DELIVERY_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        given = headers.get(SIGNATURE_HEADER, "")
        if not (delivery and timestamp and given):
            raise Refused("unsigned", "the message carries no signature: give MLflow's webhook the secret")
        if not hmac.compare_digest(given.encode(), self._signature(delivery, timestamp, body)):
            raise Refused("forged", "the signature is not by this secret")
        now = self._clock()
        if not timestamp.isdecimal() or abs(now - int(timestamp)) > MAX_AGE_SECONDS:
            raise Refused("stale", f"the message is not of the last {MAX_AGE_SECONDS} seconds by this clock")
        name = _name(body)
        self._remember(delivery, now)
        return name

    def forget(self, headers: Mapping[str, str]) -> None:
        """Let the message in again: it was not taken after all."""
        with self._lock:
            self._known.pop(headers.get(DELIVERY_HEADER, ""), None)

    def _signature(self, delivery: str, timestamp: str, body: bytes) -> bytes:
        signed = b".".join((delivery.encode(), timestamp.encode(), body))
        return f"{VERSION},".encode() + base64.b64encode(hmac.new(self._secret, signed, hashlib.sha256).digest())

    def _remember(self, delivery: str, now: float) -> None:
        """Raises Refused for a delivery that was let in before."""
        with self._lock:
            while self._known and now - next(iter(self._known.values())) > 2 * MAX_AGE_SECONDS:
                self._known.popitem(last=False)
            if delivery in self._known:
                raise Refused("replayed", "this delivery was taken before", 409)
            if len(self._known) >= REMEMBERED:
                raise Refused("crowded", "too many messages at a time: repeat it later", 429)
            self._known[delivery] = now


def _name(body: bytes) -> str | None:
    """Raises Refused for what is no message of MLflow's."""
    try:
        data = json.loads(body)["data"]
        name = data.get("name")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("unreadable", f"the message is none of MLflow's: {error}", 400) from error
    return name if isinstance(name, str) and name else None
