"""Webhooks: verifies MLflow's signed messages, and says which model a message is about.

MLflow signs ``<delivery id>.<timestamp>.<body>`` with HMAC-SHA256 and the webhook's secret
(mlflow/webhooks/delivery.py). It repeats a message that was answered with 429 or 5xx under the same delivery id. A
message is only a hint: what it says about the model is not used; the model is read from the server.
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
"""How far the message's time may be from this clock; MLflow stops repeating earlier."""
REMEMBERED = 20_000
"""How many deliveries are remembered at most, of those that are young enough to be repeated."""


class Refused(Exception):
    """The message is not accepted; `result` is the label that is counted, `status` the HTTP status of the answer."""

    def __init__(self, result: str, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.result, self.status = result, status


class Verifier:
    """Accepts each message that is signed with the secret, once; safe to use from several threads."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        if not secret:
            raise ValueError("a webhook needs a secret: without one anybody could send messages")
        self._secret, self._clock = secret.encode(), clock
        self._known: collections.OrderedDict[str, float] = collections.OrderedDict()
        self._lock = threading.Lock()

    def verify(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The name of the model that the message is about; None if it is about no model. Raises Refused."""
        delivery, timestamp = headers.get(DELIVERY_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        given = headers.get(SIGNATURE_HEADER, "")
        if not (delivery and timestamp and given):
            raise Refused("unsigned", "the message is not signed: configure MLflow's webhook with the secret")
        if not hmac.compare_digest(given.encode(), self._compute_signature(delivery, timestamp, body)):
            raise Refused("forged", "the signature was made with another secret")
        now = self._clock()
        if not timestamp.isdecimal() or abs(now - int(timestamp)) > MAX_AGE_SECONDS:
            raise Refused(
                "stale", f"the message is older than {MAX_AGE_SECONDS} seconds, or from the future, by this clock"
            )
        name = _parse_model_name(body)
        self._remember_delivery(delivery, now)
        return name

    def forget(self, headers: Mapping[str, str]) -> None:
        """Accept this message again: it could not be processed now."""
        with self._lock:
            self._known.pop(headers.get(DELIVERY_HEADER, ""), None)

    def _compute_signature(self, delivery: str, timestamp: str, body: bytes) -> bytes:
        signed = b".".join((delivery.encode(), timestamp.encode(), body))
        return f"{VERSION},".encode() + base64.b64encode(hmac.new(self._secret, signed, hashlib.sha256).digest())

    def _remember_delivery(self, delivery: str, now: float) -> None:
        """Raises Refused for a delivery that was accepted before."""
        with self._lock:
            while self._known and now - next(iter(self._known.values())) > 2 * MAX_AGE_SECONDS:
                self._known.popitem(last=False)
            if delivery in self._known:
                raise Refused("replayed", "this delivery was accepted before", 409)
            if len(self._known) >= REMEMBERED:
                raise Refused("crowded", "too many messages at a time: send it again later", 429)
            self._known[delivery] = now


def _parse_model_name(body: bytes) -> str | None:
    """Raises Refused for a body that MLflow did not write."""
    try:
        data = json.loads(body)["data"]
        name = data.get("name")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("unreadable", f"the message is not one of MLflow's: {error}", 400) from error
    return name if isinstance(name, str) and name else None
