"""Which scheme is delivered how."""

import pytest

from podium.workload.storage import s3, schemes


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_s3_is_pulled_under_hadoops_names_too(scheme: str) -> None:
    assert isinstance(schemes.find_delivery(f"{scheme}://artifacts/iris/1"), s3.S3)


@pytest.mark.parametrize("uri", ["gs://b/m", "file:///m", "/m", "s3:/b/m", "s3", "", "S3://b/m", "mlflow-artifacts:/1"])
def test_nothing_brings_what_is_elsewhere(uri: str) -> None:
    assert schemes.find_delivery(uri) is None
