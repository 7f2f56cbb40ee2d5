"""The mirror's settings come from the environment, and a wrong one is named."""

import pytest

from podium.sync import settings

NEEDED = {"PODIUM_SYNC_TRACKING_URI": "http://mlflow:5000", "POD_NAME": "pod-1", "POD_NAMESPACE": "models"}


def test_what_is_not_said_has_its_default() -> None:
    assert settings.from_environment(NEEDED) == settings.Settings("http://mlflow:5000", "models", "pod-1")


def test_everything_can_be_said() -> None:
    chosen = settings.from_environment(
        NEEDED
        | {
            "PODIUM_SYNC_NAMESPACE": "other",
            "PODIUM_SYNC_INTERVAL_SECONDS": "5",
            "PODIUM_SYNC_WEBHOOK_SECRET": "s3cret",
            "PODIUM_SYNC_ARTIFACTS_DESTINATION": "s3://bucket",
            "PODIUM_SYNC_TRUST_EMPTY": "true",
            "PODIUM_SYNC_FORMER_ADDRESS": "http://old",
            "PODIUM_HTTP_PORT": "9000",
            "PODIUM_LOG_LEVEL": "debug",
        }
    )
    assert chosen == settings.Settings(
        "http://mlflow:5000", "other", "pod-1", 5.0, "s3cret", "s3://bucket", True, "http://old", 9000, "DEBUG"
    )


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PODIUM_SYNC_TRACKING_URI": ""}, "set PODIUM_SYNC_TRACKING_URI"),
        ({"POD_NAMESPACE": ""}, "set PODIUM_SYNC_NAMESPACE"),
        ({"PODIUM_SYNC_TRACKING_URI": "mlflow"}, "write a URI such as"),
        ({"PODIUM_SYNC_INTERVAL_SECONDS": "0"}, "whole number of 1 or more"),
        ({"PODIUM_SYNC_TRUST_EMPTY": "yes"}, "write true or false"),
        ({"PODIUM_LOG_LEVEL": "loud"}, "write one of DEBUG"),
    ],
)
def test_a_wrong_one_is_named(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        settings.from_environment(NEEDED | env)
