"""The errors of S3, of servers that call themselves so and of the way to them: what they are here, and what to do."""

import dataclasses
import datetime
import email.utils
from collections.abc import Mapping
from typing import Any

import botocore.exceptions
import botocore.parsers
import urllib3.exceptions

from podium import errors, names
from podium.puller import plan

Reason = names.PullReason


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a pull goes, as far as advice depends on it."""

    source: plan.Source
    endpoint: str = ""
    """URL of the server; "" is Amazon S3."""
    named_bucket: str = ""
    """The bucket that the Secret is for, where it says so."""


_DENIED = {
    "AccessDenied": Reason.ACCESS_DENIED,
    "AllAccessDisabled": Reason.ACCESS_DENIED,
    "403": Reason.ACCESS_DENIED,
    "InvalidAccessKeyId": Reason.INVALID_ACCESS_KEY,
    "SignatureDoesNotMatch": Reason.SIGNATURE_MISMATCH,
    "ExpiredToken": Reason.CREDENTIALS_EXPIRED,
    "InvalidToken": Reason.CREDENTIALS_EXPIRED,
    "TokenRefreshRequired": Reason.CREDENTIALS_EXPIRED,
    "RequestTimeTooSkewed": Reason.CLOCK_SKEWED,
}
_MISSING = {"NoSuchBucket": Reason.NO_SUCH_BUCKET, "NoSuchKey": Reason.NO_SUCH_KEY, "404": Reason.NO_SUCH_KEY}
_NOT_S3 = {"400", "404", "405", "406", "415"}
"""Answers of this status that hold no error of S3's, which only HEAD may leave out."""
_CHANGED = {"PreconditionFailed", "412", "InvalidRange", "416"}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_LATER = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"}
_LATER_STATUS = {408, 425, 429}
_NOT_IMPLEMENTED = 501
_ADVICE = {
    Reason.INVALID_ACCESS_KEY: "correct AWS_ACCESS_KEY_ID in the Secret that storage names",
    Reason.SIGNATURE_MISMATCH: "correct AWS_SECRET_ACCESS_KEY in the Secret that storage names",
    Reason.NO_SUCH_BUCKET: "create it with the artifact in it, or register a version with the location where that is",
    Reason.NO_SUCH_KEY: "put the object back, or register a version with the location where it is",
    Reason.CREDENTIALS_EXPIRED: "renew the credentials in the Secret that storage names; they are read anew when the "
    "puller starts again",
}
_CUT_OFF = (
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.ConnectionClosedError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)
CAUGHT = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, *_CUT_OFF)
"""What a call of S3 may raise."""
_CERTIFICATES = (
    ("has expired", "renew the certificate of the server there"),
    ("not yet valid", "the certificate is not valid yet, or the node's clock is wrong"),
    ("mismatch", "write storage.endpoint with a name that stands in the server's certificate"),
    ("match", "write storage.endpoint with a name that stands in the server's certificate"),
    ("WRONG_VERSION_NUMBER", "the server there speaks no TLS: write storage.endpoint with http://"),
    ("", "give the authority's certificate as storage.caBundle"),
)
"""What OpenSSL says of a certificate, and what to do; the last one is for all else."""
_Kind = tuple[type[Exception] | tuple[type[Exception], ...], type[errors.PullError], names.PullReason, str]
_FAULTS: tuple[_Kind, ...] = (
    (
        botocore.exceptions.FlexibleChecksumError,
        errors.ArtifactChanged,
        Reason.CHECKSUM_MISMATCH,
        "the bytes are not those that S3 states",
    ),
    (
        botocore.exceptions.ParamValidationError,
        errors.SourceInvalid,
        Reason.SOURCE_INVALID,
        "correct the artifact's location",
    ),
    (
        botocore.parsers.ResponseParserError,
        errors.SourceInvalid,
        Reason.ENDPOINT_INVALID,
        "the server there does not speak S3; correct storage.endpoint",
    ),
    (
        botocore.exceptions.ProxyConnectionError,
        errors.SourceUnreachable,
        Reason.ENDPOINT_UNREACHABLE,
        "correct HTTPS_PROXY or HTTP_PROXY in puller.env, or name the server's host in NO_PROXY there",
    ),
    (
        (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError),
        errors.SourceUnreachable,
        Reason.ENDPOINT_UNREACHABLE,
        "correct storage.endpoint or the network; where only a proxy leads out, name it in puller.env; in a service "
        "mesh whose sidecar starts after the init containers, exclude the port from it (docs/artifacts.md)",
    ),
    (_CUT_OFF, errors.SourceUnreachable, Reason.OBJECT_TRUNCATED, "the answer ended early"),
    (
        (botocore.exceptions.CredentialRetrievalError, botocore.exceptions.UnauthorizedSSOTokenError),
        errors.SourceDenied,
        Reason.CREDENTIALS_MISSING,
        "correct the role of storage.serviceAccountName",
    ),
)
"""botocore's errors, the narrower kinds first: what they are here, and what to do."""


def translate(error: Exception, uri: str, place: Place) -> errors.PullError:
    """Our error for one of CAUGHT: its own words, the URI and what to do."""
    if isinstance(error, botocore.exceptions.ClientError):
        return _translate_answer(error, uri, place)
    if isinstance(error, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError):
        return build_no_credentials(place)
    if isinstance(error, botocore.exceptions.SSLError):
        advice = next(advice for said, advice in _CERTIFICATES if said in str(error))
        return errors.SourceInvalid(Reason.CERTIFICATE_INVALID, f"{uri}: {error}: {advice}")
    for kind, ours, reason, advice in _FAULTS:
        if isinstance(error, kind):
            return ours(reason, f"{uri}: {error}: {advice}")
    return errors.PullError(Reason.S3_ERROR, f"{uri}: {error}")


def read_code(error: botocore.exceptions.ClientError) -> str:
    """S3's code of an error; the HTTP status where the answer holds no error of S3's."""
    return str(error.response.get("Error", {}).get("Code") or read_status(error))


def read_status(error: botocore.exceptions.ClientError) -> int:
    """The HTTP status of an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_expiry(error: botocore.exceptions.ClientError) -> bool:
    """Whether it says that credentials have expired."""
    return _DENIED.get(read_code(error)) == Reason.CREDENTIALS_EXPIRED


def is_refusal_of_header(error: botocore.exceptions.ClientError) -> bool:
    """Whether it may mean that the server does not take one of the request's headers: nothing else is known of it."""
    code = read_code(error)
    known = code in _LATER or code in _DENIED or code in _MISSING or code in _REGION
    return read_status(error) in {400, 405, 412, _NOT_IMPLEMENTED} and not known


def _translate_answer(error: botocore.exceptions.ClientError, uri: str, place: Place) -> errors.PullError:
    code, status = read_code(error), read_status(error)
    stated = error.response.get("Error", {}).get("Message") or "no message"
    said = f"{uri}: {code}: {stated} ({error.operation_name}, HTTP {status})"
    if reason := _DENIED.get(code):
        return errors.SourceDenied(reason, f"{said}: {_advise_denied(error, reason, place)}")
    if code in _LATER or status in _LATER_STATUS or (status >= 500 and status != _NOT_IMPLEMENTED):
        return _build_unavailable(error, said)
    if reason := _find_misdirection(error, code, status):
        return errors.SourceInvalid(reason, f"{said}: {_advise_direction(error, reason)}")
    if reason := _MISSING.get(code):
        return errors.SourceMissing(reason, f"{said}: {_ADVICE[reason]}{_name_other_bucket(place)}")
    if code in _CHANGED:
        return build_changed(uri, said)
    return errors.PullError(Reason.S3_ERROR, said)


def _build_unavailable(error: botocore.exceptions.ClientError, said: str) -> errors.SourceUnreachable:
    by = (
        ""
        if read_code(error) != str(read_status(error))
        else (
            "; there is no error of S3's in it: a proxy or gateway in front of the store answered, or the store is down"
        )
    )
    after = _read_retry_after(_headers(error))
    return errors.SourceUnreachable(Reason.SERVICE_UNAVAILABLE, f"{said}: it is tried again{by}", after)


def _headers(error: botocore.exceptions.ClientError) -> Mapping[str, Any]:
    return error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})


def _read_retry_after(headers: Mapping[str, Any]) -> float:
    """Seconds to wait as RFC 9110 (10.2.3) writes them: a number, or a date; 0 where nothing is said."""
    text = str(headers.get("retry-after", "")).strip()
    if text.isascii() and text.isdigit():
        return float(text)
    date = _parse_date(text)
    return max(0.0, (date - datetime.datetime.now(datetime.UTC)).total_seconds()) if date else 0.0


def _parse_date(text: str) -> datetime.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _advise_denied(error: botocore.exceptions.ClientError, reason: names.PullReason, place: Place) -> str:
    if reason == Reason.CLOCK_SKEWED:
        return _advise_clock(error)
    if reason == Reason.ACCESS_DENIED and "kms" in str(error).lower():
        return "grant kms:Decrypt on the key that encrypts the bucket"
    advice = _ADVICE.get(reason) or describe_grant(place.source)
    if reason == Reason.INVALID_ACCESS_KEY and not place.endpoint:
        advice += ", or write storage.endpoint: without it, Amazon S3 is asked"
    return advice + _name_other_bucket(place)


def _advise_clock(error: botocore.exceptions.ClientError) -> str:
    local = datetime.datetime.now(datetime.UTC)
    date = _parse_date(str(_headers(error).get("date", "")))
    there = f", and {date:%Y-%m-%dT%H:%M:%SZ} at the store" if date else ""
    return f"the node's clock is wrong: it is {local:%Y-%m-%dT%H:%M:%SZ} here{there}; set the node's time (NTP)"


def _name_other_bucket(place: Place) -> str:
    """A Secret that is for another bucket (Open Data Hub's data connections say it)."""
    if place.named_bucket in {"", place.source.bucket}:
        return ""
    return f"; the Secret is for another bucket, AWS_S3_BUCKET is {place.named_bucket!r}"


def _find_misdirection(error: botocore.exceptions.ClientError, code: str, status: int) -> names.PullReason | None:
    """Why the request should have gone elsewhere, if it should."""
    if code in _REGION or status == 301:
        return Reason.WRONG_REGION
    if status == _NOT_IMPLEMENTED:
        return Reason.ENDPOINT_INVALID
    return Reason.ENDPOINT_INVALID if code in _NOT_S3 and error.operation_name != "HeadObject" else None


def _advise_direction(error: botocore.exceptions.ClientError, reason: names.PullReason) -> str:
    if reason == Reason.ENDPOINT_INVALID:
        if read_status(error) == _NOT_IMPLEMENTED:
            return f"the server there does not offer {error.operation_name}, which a pull needs"
        return "the server there does not speak S3; correct storage.endpoint"
    return f"set storage.region to {_headers(error).get('x-amz-bucket-region') or 'the bucket’s'}"


def describe_grant(source: plan.Source) -> str:
    """What a pull needs to be allowed."""
    if source.bucket.startswith("arn:"):
        return f"grant s3:ListBucket on {source.bucket} and s3:GetObject on {source.bucket}/object/{source.prefix}*"
    if source.bucket.endswith("--x-s3"):
        return f"grant s3express:CreateSession on the directory bucket {source.bucket}"
    arn = f"arn:aws:s3:::{source.bucket}"
    return f"grant s3:ListBucket on {arn} and s3:GetObject on {arn}/{source.prefix}*"


def build_changed(uri: str, how: str) -> errors.ArtifactChanged:
    """The error of an object that is not the one that was listed."""
    message = f"{uri} changed during the pull: {how}; the artifact of a model version must never be overwritten"
    return errors.ArtifactChanged(Reason.OBJECT_CHANGED, message)


def build_no_credentials(place: Place) -> errors.SourceDenied:
    """The error of a puller that nobody gave credentials."""
    message = (
        f"{place.source.uri}: no credentials: name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or "
        "accesskey and secretkey) as storage.secretName, or an account with a cloud role as "
        f"storage.serviceAccountName; {describe_grant(place.source)}"
    )
    return errors.SourceDenied(Reason.CREDENTIALS_MISSING, message)
