"""What every container of a model's pod has."""

from podium.api import model_version
from podium.workload import containers


def test_a_container_may_do_nothing_that_pod_security_refuses_and_its_last_words_are_kept() -> None:
    built = containers.build_container("server", "image:1", ("run",), model_version.Resources())
    assert built == {
        "name": "server",
        "image": "image:1",
        "command": ["run"],
        "resources": {},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def test_without_a_command_the_images_own_runs() -> None:
    assert "command" not in containers.build_container("server", "image:1", (), model_version.Resources())


def test_a_dollar_in_a_value_stands_for_itself() -> None:
    assert containers.build_env({"A": "$(B) $"}) == [{"name": "A", "value": "$$(B) $$"}]
