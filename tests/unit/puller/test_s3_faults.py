"""What the errors of S3, and of servers that call themselves so, are to a user."""

import datetime
import email.utils
from typing import Any

import botocore.exceptions
import pytest

from podium import errors, names
from podium.puller import plan, s3_faults

SOURCE = plan.Source("s3", "models", "iris/3/")
PLACE = s3_faults.Place(SOURCE)
URI = "s3://models/iris/3/MLmodel"


def test_a_grant_names_the_bucket_and_the_prefix() -> None:
    assert s3_faults.describe_grant(SOURCE) == (
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
        pytest.param(
            answered("RequestTimeTooSkewed", 403),
            errors.SourceDenied,
            names.PullReason.CLOCK_SKEWED,
            "the node's clock is wrong",
            id="a wrong clock",
        ),
        pytest.param(
            answered("NotImplemented", 501, "ListObjectsV2"),
            errors.SourceInvalid,
            names.PullReason.ENDPOINT_INVALID,
            "does not offer ListObjectsV2",
            id="not offered",
        ),
        pytest.param(
            answered("InvalidAccessKeyId", 403),
            errors.SourceDenied,
            names.PullReason.INVALID_ACCESS_KEY,
            "or write storage.endpoint: without it, Amazon S3 is asked",
            id="keys of another store",
        ),
        pytest.param(
            botocore.exceptions.SSLError(endpoint_url="https://s3", error=OSError("certificate has expired")),
            errors.SourceInvalid,
            names.PullReason.CERTIFICATE_INVALID,
            "renew the certificate",
            id="an expired certificate",
        ),
        pytest.param(
            botocore.exceptions.SSLError(
                endpoint_url="https://s3", error=OSError("Hostname mismatch, certificate is not valid for 's3'")
            ),
            errors.SourceInvalid,
            names.PullReason.CERTIFICATE_INVALID,
            "a name that stands in the server's certificate",
            id="a certificate of another host",
        ),
        pytest.param(
            botocore.exceptions.SSLError(endpoint_url="https://s3", error=OSError("[SSL: WRONG_VERSION_NUMBER]")),
            errors.SourceInvalid,
            names.PullReason.CERTIFICATE_INVALID,
            "write storage.endpoint with http://",
            id="no TLS at all",
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
    found = s3_faults.translate(error, URI, PLACE)
    assert (type(found), found.reason) == (kind, reason)
    assert advice in str(found)
    assert "s3://models/iris/3/" in str(found)


@pytest.mark.parametrize(
    ("bucket", "grant"),
    [
        (
            "arn:aws:s3:eu-1:123456789012:accesspoint:ap",
            "s3:GetObject on arn:aws:s3:eu-1:123456789012:accesspoint:ap/object/iris/3/*",
        ),
        ("models--euw1-az1--x-s3", "s3express:CreateSession on the directory bucket models--euw1-az1--x-s3"),
    ],
)
def test_a_grant_is_of_the_kind_of_bucket(bucket: str, grant: str) -> None:
    assert grant in s3_faults.describe_grant(plan.Source("s3", bucket, "iris/3/"))


def test_a_key_that_is_encrypted_by_another_is_told_apart() -> None:
    error = answered("AccessDenied", 403)
    error.response["Error"]["Message"] = "not authorized to perform: kms:Decrypt"
    denied = botocore.exceptions.ClientError(error.response, "GetObject")
    assert "grant kms:Decrypt" in str(s3_faults.translate(denied, URI, PLACE))


def test_a_secret_of_another_bucket_is_named() -> None:
    found = s3_faults.translate(answered("AccessDenied", 403), URI, s3_faults.Place(SOURCE, named_bucket="others"))
    assert "the Secret is for another bucket, AWS_S3_BUCKET is 'others'" in str(found)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("", 0), ("soon", 0), ("-3", 0), ("Sat, 01 Jan 2000 00:00:00 GMT", 0)]
)
def test_what_a_server_asks_to_wait_is_read(said: str, seconds: float) -> None:
    found = s3_faults.translate(answered("SlowDown", 503, **{"retry-after": said}), URI, PLACE)
    assert isinstance(found, errors.SourceUnreachable)
    assert found.retry_after == seconds


def test_a_time_to_wait_may_be_a_date() -> None:
    date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    found = s3_faults.translate(
        answered("SlowDown", 503, **{"retry-after": email.utils.format_datetime(date)}), URI, PLACE
    )
    assert isinstance(found, errors.SourceUnreachable)
    assert 90 < found.retry_after <= 100
