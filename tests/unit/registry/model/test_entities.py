"""Values of the registry answer simple questions about themselves."""

from tests.unit.registry import factories


def test_a_deleted_model_has_no_name() -> None:
    assert factories.head().has_name("iris")
    assert not factories.head().has_name("Iris")
    assert not factories.head(is_deleted=True).has_name("iris")


def test_an_artifact_is_pulled_from_its_location_if_that_differs_from_its_source() -> None:
    assert factories.version(source="s3://a/1", location=None).artifact_uri == "s3://a/1"
    assert factories.version(source="models:/m-1", location="s3://a/1").artifact_uri == "s3://a/1"
