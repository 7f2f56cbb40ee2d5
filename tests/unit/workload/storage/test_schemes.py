"""Which scheme is delivered how."""

import pytest

from podium.workload.storage import s3, schemes


def test_s3_is_pulled() -> None:
    assert isinstance(schemes.find_delivery("s3://artifacts/iris/1"), s3.S3)


@pytest.mark.parametrize("uri", ["gs://b/m", "file:///m", "/m", "s3:/b/m", "s3", "", "S3://b/m", "mlflow-artifacts:/1"])
def test_nothing_brings_what_is_elsewhere(uri: str) -> None:
    assert schemes.find_delivery(uri) is None
