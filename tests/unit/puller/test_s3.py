"""What S3 states about an object, and what its errors are to a user. The contract tests ask a real S3 server."""

import base64
import hashlib
import zlib
from typing import Any

import botocore.exceptions
import pytest

from podium import errors, names
from podium.puller import plan, s3

MD5 = hashlib.md5(b"abc").hexdigest()
SOURCE = plan.Source("s3", "models", "iris/3/")
URI = "s3://models/iris/3/MLmodel"


@pytest.mark.parametrize(
    ("answer", "etag", "algorithm"),
    [
        pytest.param({}, MD5, "md5", id="put in one part: the ETag is an MD5"),
        pytest.param({"ServerSideEncryption": "AES256"}, MD5, "md5", id="encrypted by S3 itself: still an MD5"),
        pytest.param({"ServerSideEncryption": "aws:kms"}, MD5, None, id="encrypted by KMS: no MD5"),
        pytest.param({"SSECustomerAlgorithm": "AES256"}, MD5, None, id="encrypted by a customer's key: no MD5"),
        pytest.param({}, f"{MD5}-3", None, id="put in parts: no MD5"),
        pytest.param({"ChecksumCRC32": "NSRBwg=="}, f"{MD5}-3", "crc32", id="CRC32 of the whole"),
        pytest.param({"ChecksumCRC32": "NSRBwg==-3"}, f"{MD5}-3", None, id="CRC32 of parts"),
        pytest.param({"ChecksumSHA256": "AAAA", "ChecksumCRC32": "NSRBwg=="}, MD5, "sha256", id="the strongest wins"),
    ],
)
def test_only_checksums_of_the_whole_object_are_taken(answer: dict[str, Any], etag: str, algorithm: str | None) -> None:
    found = s3.read_checksum(answer, etag)
    assert (found.algorithm if found else None) == algorithm


@pytest.mark.parametrize("content", [b"", b"abc", b"x" * 100_000])
def test_each_algorithm_agrees_with_its_definition(content: bytes) -> None:
    crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    for checksum in (
        s3.read_checksum({}, hashlib.md5(content).hexdigest()),
        s3.read_checksum({"ChecksumCRC32": crc}, "x-2"),
        s3.read_checksum({"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}, "x"),
    ):
        assert checksum is not None
        hasher = checksum.hasher()
        for start in range(0, len(content), 7919):
            hasher.update(content[start : start + 7919])
        assert hasher.digest() == checksum.value


def test_a_grant_names_the_bucket_and_the_prefix() -> None:
    assert s3.describe_grant(SOURCE) == (
        "grant s3:ListBucket on arn:aws:s3:::models and s3:GetObject on arn:aws:s3:::models/iris/3/*"
    )


def answered(code: str, status: int, operation: str = "GetObject", **headers: str) -> botocore.exceptions.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "said S3"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return botocore.exceptions.ClientError(response, operation)


@pytest.mark.parametrize(
    ("error", "kind", "reason", "advice"),
    [
        pytest.param(
            answered("AccessDenied", 403), errors.SourceDenied, names.PullReason.ACCESS_DENIED, "grant s3:", id="denied"
        ),
        pytest.param(
            answered("ExpiredToken", 400),
            errors.SourceDenied,
            names.PullReason.CREDENTIALS_EXPIRED,
            "renew the credentials",
            id="expired",
        ),
        pytest.param(
            answered("301", 301, "HeadObject", **{"x-amz-bucket-region": "eu-1"}),
            errors.SourceInvalid,
            names.PullReason.WRONG_REGION,
            "set storage.region to eu-1",
            id="another region",
        ),
        pytest.param(
            answered("404", 404, "HeadObject"),
            errors.SourceMissing,
            names.PullReason.NO_SUCH_KEY,
            "put the object back",
            id="a HEAD without a body",
        ),
        pytest.param(
            answered("404", 404),
            errors.SourceInvalid,
            names.PullReason.ENDPOINT_INVALID,
            "does not speak S3",
            id="a GET without an error of S3's",
        ),
        pytest.param(
            answered("PreconditionFailed", 412),
            errors.ArtifactChanged,
            names.PullReason.OBJECT_CHANGED,
            "changed during the pull",
            id="written again",
        ),
        pytest.param(
            answered("SlowDown", 503),
            errors.SourceUnreachable,
            names.PullReason.SERVICE_UNAVAILABLE,
            "it is tried again",
            id="busy",
        ),
        pytest.param(answered("Odd", 418), errors.PullError, names.PullReason.S3_ERROR, "Odd: said S3", id="any other"),
        pytest.param(
            botocore.exceptions.NoCredentialsError(),
            errors.SourceDenied,
            names.PullReason.CREDENTIALS_MISSING,
            "storage.secretName",
            id="no credentials",
        ),
        pytest.param(
            botocore.exceptions.EndpointConnectionError(endpoint_url="http://s3:9000"),
            errors.SourceUnreachable,
            names.PullReason.ENDPOINT_UNREACHABLE,
            "correct storage.endpoint",
            id="nobody listens",
        ),
        pytest.param(
            botocore.exceptions.SSLError(endpoint_url="https://s3", error=OSError("self-signed")),
            errors.SourceInvalid,
            names.PullReason.CERTIFICATE_INVALID,
            "storage.caBundle",
            id="an unknown authority",
        ),
    ],
)
def test_an_error_says_what_failed_where_and_what_to_do(
    error: Exception, kind: type[errors.PullError], reason: names.PullReason, advice: str
) -> None:
    found = s3.translate(error, URI, SOURCE)
    assert (type(found), found.reason) == (kind, reason)
    assert advice in str(found)
    assert "s3://models/iris/3/" in str(found)
