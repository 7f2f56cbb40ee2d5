"""Where an artifact is, and what a user reads when that is not known."""

from typing import Literal

import pytest

from podium import errors, names
from podium.registry.model import entities
from podium.workload import sources
from podium.workload.storage import s3
from tests.unit.workload import factories


def version(uri: str) -> entities.Version:
    return entities.Version("model-uid", 3, uri)


def test_an_artifact_on_s3_is_where_its_version_says() -> None:
    assert sources.locate(version("s3://artifacts/iris/3")) == "s3://artifacts/iris/3"


@pytest.mark.parametrize("uri", ["gs://artifacts/iris/3", "mlflow-artifacts:/3", "/tmp/model", ""])
def test_an_artifact_elsewhere_is_refused_with_what_to_do(uri: str) -> None:
    with pytest.raises(ValueError) as caught:
        sources.locate(version(uri))
    assert str(caught.value) == (
        f"version 3 has its artifact at {uri!r}, which is not on S3: register a version from a tracking server whose "
        "artifacts are on S3"
    )


def test_a_source_in_the_spec_asks_no_registry() -> None:
    found = sources.find_source(None, "models", factories.spec(source="s3://mine/iris"))
    assert found == sources.Source("s3://mine/iris", s3.S3())


def test_a_registry_that_is_not_served_is_told_with_the_setting_that_adds_it() -> None:
    found = sources.find_source(None, "elsewhere", factories.spec())
    assert isinstance(found, sources.Problem)
    assert found.reason == names.REGISTRY_NOT_SERVED
    assert "'elsewhere': add it to the chart's value registry.namespaces" in found.message


@pytest.mark.parametrize(
    ("what", "reason", "advice"),
    [
        ("model", "ModelNotFound", "Register it in the registry of namespace 'models'"),
        ("version", "VersionNotFound", "Register it, or ask for another version"),
        ("alias", "AliasNotFound", "Set it in MLflow (set_registered_model_alias)"),
    ],
)
def test_what_is_not_found_has_a_reason_and_advice_of_its_own(
    what: Literal["model", "version", "alias"], reason: str, advice: str
) -> None:
    found = sources.describe_problem(errors.NotFound("no such thing", what=what), "models")
    assert found.reason == reason
    assert found.message.startswith("no such thing. ")
    assert advice in found.message


def test_a_corrupt_registry_is_told_with_the_command_that_mends_it() -> None:
    found = sources.describe_problem(errors.CorruptRegistry("x", "y", "no JSON"), "models")
    assert found.reason == names.REGISTRY_CORRUPT
    assert "kubectl edit configmap --field-manager=podium-repair --namespace models" in found.message
