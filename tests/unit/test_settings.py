"""The operator's settings from its environment."""

import pytest

from podium import settings

REQUIRED = {
    "POD_NAMESPACE": "podium-system",
    "POD_NAME": "operator-0",
    "PODIUM_PULLER_IMAGE": "server:1",
    "PODIUM_SERVER_IMAGE": "server:1",
}


def test_what_is_required_is_enough() -> None:
    found = settings.from_environment(REQUIRED)
    assert found == settings.Settings(
        namespace="podium-system",
        identity="operator-0",
        puller_image="server:1",
        server_image="server:1",
        registry_namespaces=("podium-system",),
        watch_namespaces=(),
    )
    assert found.default_registry == "podium-system"


def test_everything_can_be_set() -> None:
    found = settings.from_environment(
        REQUIRED
        | {
            "PODIUM_REGISTRY_NAMESPACES": "models, other,models",
            "PODIUM_WATCH_NAMESPACES": "a,b",
            "PODIUM_WORKERS": "8",
            "PODIUM_HTTP_PORT": "9000",
            "PODIUM_RESYNC_SECONDS": "60",
            "PODIUM_LOG_LEVEL": "debug",
            "PODIUM_LEASE_NAME": "other-podium-operator",
            "PODIUM_CLUSTER": "east-1",
            "PODIUM_FIXED_USER": "false",
        }
    )
    assert (found.registry_namespaces, found.default_registry) == (("models", "other"), "models")
    assert found.watch_namespaces == ("a", "b")
    assert (found.workers, found.http_port, found.resync_seconds, found.log_level) == (8, 9000, 60.0, "DEBUG")
    assert (found.lease_name, found.cluster) == ("other-podium-operator", "east-1")
    assert found.has_fixed_user is False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            {"POD_NAME": "", "PODIUM_SERVER_IMAGE": ""},
            "set POD_NAME, PODIUM_SERVER_IMAGE in the operator's environment (the chart does)",
            id="missing ones, all at once",
        ),
        pytest.param(
            {"PODIUM_WORKERS": "0"}, "PODIUM_WORKERS is '0': write a whole number of 1 or more", id="no workers"
        ),
        pytest.param(
            {"PODIUM_HTTP_PORT": "http"},
            "PODIUM_HTTP_PORT is 'http': write a whole number of 1 or more",
            id="no number",
        ),
        pytest.param(
            {"PODIUM_LOG_LEVEL": "loud"},
            "PODIUM_LOG_LEVEL is 'loud': write one of DEBUG, INFO, WARNING, ERROR",
            id="no level",
        ),
        pytest.param(
            {"PODIUM_CLUSTER": "East 1"},
            "PODIUM_CLUSTER is 'East 1': write at most 63 lower-case letters, digits and dashes, such as east-1",
            id="no name of a cluster",
        ),
        pytest.param(
            {"PODIUM_FIXED_USER": "no"}, "PODIUM_FIXED_USER is 'no': write true or false", id="neither true nor false"
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_write(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        settings.from_environment(REQUIRED | change)
    assert str(refused.value) == sentence
