"""A message is let in if MLflow signed it with the secret, it is young, and it was not let in before."""

import json
from typing import Any

import pytest
from mlflow.webhooks import delivery

from podium.sync import webhooks

SECRET = "s3cret"
NOW = 1_800_000_000.0


def body(**data: Any) -> bytes:
    return json.dumps({"entity": "model_version_alias", "action": "created", "data": data}).encode()


def signed(content: bytes, *, delivery_id: str = "d-1", sent: float = NOW, secret: str = SECRET) -> dict[str, str]:
    """The headers that MLflow sends, by its own code."""
    timestamp = str(int(sent))
    signature = delivery._generate_hmac_signature(secret, delivery_id, timestamp, content.decode())
    return {
        webhooks.DELIVERY_HEADER: delivery_id,
        webhooks.TIMESTAMP_HEADER: timestamp,
        webhooks.SIGNATURE_HEADER: signature,
    }


def verifier(now: float = NOW) -> webhooks.Verifier:
    return webhooks.Verifier(SECRET, lambda: now)


def test_a_message_that_mlflow_signed_names_its_model() -> None:
    content = body(name="한국어 iris", alias="champion", version="2")
    assert verifier().verify(signed(content), content) == "한국어 iris"


def test_an_event_without_a_model_is_let_in_and_names_none() -> None:
    content = body(budget="b")
    assert verifier().verify(signed(content), content) is None


@pytest.mark.parametrize(
    ("change", "result", "status"),
    [
        ({webhooks.SIGNATURE_HEADER: ""}, "unsigned", 401),
        ({webhooks.SIGNATURE_HEADER: "v1,AAAA"}, "forged", 401),
        ({webhooks.SIGNATURE_HEADER: "v1,é"}, "forged", 401),
        ({webhooks.DELIVERY_HEADER: "d-2"}, "forged", 401),
        ({webhooks.TIMESTAMP_HEADER: str(int(NOW) + 1)}, "forged", 401),
    ],
)
def test_a_message_that_was_changed_on_the_way_is_refused(change: dict[str, str], result: str, status: int) -> None:
    content = body(name="iris")
    with pytest.raises(webhooks.Refused) as info:
        verifier().verify(signed(content) | change, content)
    assert (info.value.result, info.value.status) == (result, status)


def test_another_body_or_another_secret_is_a_forgery() -> None:
    content = body(name="iris")
    for headers, sent in ((signed(content), body(name="other")), (signed(content, secret="guess"), content)):
        with pytest.raises(webhooks.Refused, match="made with another secret"):
            verifier().verify(headers, sent)


@pytest.mark.parametrize("sent", [NOW - 301, NOW + 301])
def test_a_message_of_another_time_is_refused(sent: float) -> None:
    content = body(name="iris")
    with pytest.raises(webhooks.Refused, match="older than 300 seconds, or from the future") as info:
        verifier().verify(signed(content, sent=sent), content)
    assert info.value.result == "stale"


def test_a_delivery_is_let_in_once_and_its_repetition_never() -> None:
    content, known = body(name="iris"), verifier()
    known.verify(signed(content), content)
    with pytest.raises(webhooks.Refused) as info:
        known.verify(signed(content), content)
    assert (info.value.result, info.value.status) == ("replayed", 409)
    assert known.verify(signed(content, delivery_id="d-2"), content) == "iris"


def test_deliveries_are_forgotten_only_when_they_are_too_old_to_be_let_in() -> None:
    content, times = body(name="iris"), [NOW]
    known = webhooks.Verifier(SECRET, lambda: times[0])
    known.verify(signed(content), content)
    times[0] += 10 * webhooks.MAX_AGE_SECONDS
    known.verify(signed(content, delivery_id="d-2", sent=times[0]), content)
    assert list(known._known) == ["d-2"]
    with pytest.raises(webhooks.Refused, match="older than"):
        known.verify(signed(content), content)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"null", b'{"data": 1}', b'{"data": null}', b"{}"])
def test_what_is_no_message_of_mlflows_is_refused_even_if_it_is_signed(content: bytes) -> None:
    headers = signed(b"x")
    headers[webhooks.SIGNATURE_HEADER] = (
        verifier()._compute_signature("d-1", headers[webhooks.TIMESTAMP_HEADER], content).decode()
    )
    with pytest.raises(webhooks.Refused) as info:
        verifier().verify(headers, content)
    assert (info.value.result, info.value.status) == ("unreadable", 400)


def test_a_verifier_without_a_secret_is_none() -> None:
    with pytest.raises(ValueError, match="without one anybody could send messages"):
        webhooks.Verifier("")
