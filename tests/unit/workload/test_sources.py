"""Where an artifact is, and what a user reads when that is not known."""

import dataclasses
from typing import Literal

import pytest

from podium import errors, names
from podium.registry import catalog as catalogs
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import memory
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


DIGEST = "sha256:" + "0a" * 32


@dataclasses.dataclass(frozen=True)
class Known:
    """A registry with a version whose digest is recorded, as a watch shows it."""

    catalog: catalogs.Catalog
    uid: str


@pytest.fixture
def known() -> Known:
    records = memory.MemoryBackend()
    registry = store.Registry(records)
    uid = registry.models.create("iris").uid
    registry.versions.create("iris", source="models:/m-1", location="s3://mine/1")
    registry.versions.record_digest(uid, 1, "s3://mine/1", DIGEST)
    seen = catalogs.Catalog()
    for record in records.list({}):
        seen.put(record)
    return Known(seen, uid)


def test_a_source_is_the_registered_artifact_wherever_the_spec_has_it_from(known: Known) -> None:
    registered = sources.Registered("models", known.uid, 1, DIGEST)
    followed = sources.find_source(known.catalog, "models", factories.spec())
    assert followed == sources.Source("s3://mine/1", s3.S3(), known.uid, registered=registered)
    written = factories.spec(source="s3://mine/1")
    for uid in (None, known.uid):
        found = sources.find_source(known.catalog, "models", written, uid)
        assert found == sources.Source("s3://mine/1", s3.S3(), registered=registered)


@pytest.mark.parametrize(
    ("fields", "uid"),
    [
        pytest.param({"source": "s3://mine/2"}, None, id="another place"),
        pytest.param({"source": "s3://mine/1", "version": 2}, None, id="a version that is not there"),
        pytest.param({"source": "s3://mine/1", "model": "lily"}, None, id="a model that is not there"),
        pytest.param({"source": "s3://mine/1"}, "uid-of-another", id="a model of the same name that was deleted since"),
    ],
)
def test_a_source_that_the_registry_does_not_have_is_nobodys(
    known: Known, fields: dict[str, object], uid: str | None
) -> None:
    found = sources.find_source(known.catalog, "models", factories.spec(**fields), uid)
    assert isinstance(found, sources.Source)
    assert found.registered is None


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
