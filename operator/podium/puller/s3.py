"""The Store of s3://, the only module that speaks S3: listing, stretches of objects, checksums, errors in our words.

Retries are the puller's own, one rule for all (see `transfer`), so botocore makes one attempt each.
"""

import base64
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import botocore.config
import botocore.exceptions
import botocore.session
import urllib3.exceptions

from podium import errors, names
from podium.puller import digest, plan, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Reason = names.PullReason
_MD5_ETAG = re.compile(r"[0-9a-f]{32}")
_ENCRYPTION_WITH_MD5 = (None, "", "AES256")
_CHUNK = 1024 * 1024
_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_METADATA_SECONDS = 1
"""How long a node's metadata service may take; where there is none, this is how long it takes to say so."""

_DENIED = {
    "AccessDenied": Reason.ACCESS_DENIED,
    "AllAccessDisabled": Reason.ACCESS_DENIED,
    "403": Reason.ACCESS_DENIED,
    "InvalidAccessKeyId": Reason.INVALID_ACCESS_KEY,
    "SignatureDoesNotMatch": Reason.SIGNATURE_MISMATCH,
    "ExpiredToken": Reason.CREDENTIALS_EXPIRED,
    "InvalidToken": Reason.CREDENTIALS_EXPIRED,
    "TokenRefreshRequired": Reason.CREDENTIALS_EXPIRED,
}
_MISSING = {"NoSuchBucket": Reason.NO_SUCH_BUCKET, "NoSuchKey": Reason.NO_SUCH_KEY, "404": Reason.NO_SUCH_KEY}
_NOT_S3 = {"400", "404", "405", "406", "415"}
"""Answers of this status that hold no error of S3's, which only HEAD may leave out."""
_CHANGED = {"PreconditionFailed", "412", "InvalidRange", "416"}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_ADVICE = {
    Reason.INVALID_ACCESS_KEY: "correct AWS_ACCESS_KEY_ID in the Secret that storage names",
    Reason.SIGNATURE_MISMATCH: "correct AWS_SECRET_ACCESS_KEY in the Secret that storage names",
    Reason.NO_SUCH_BUCKET: "create it with the artifact in it, or register a version with the location where that is",
    Reason.NO_SUCH_KEY: "put the object back, or register a version with the location where it is",
    Reason.CREDENTIALS_EXPIRED: "renew the credentials in the Secret that storage names",
}
_CUT_OFF = (
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.ConnectionClosedError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)
_FAULTS: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], type[errors.PullError], names.PullReason, str], ...
] = (
    (
        botocore.exceptions.FlexibleChecksumError,
        errors.ArtifactChanged,
        Reason.CHECKSUM_MISMATCH,
        "the bytes are not those that S3 states",
    ),
    (
        botocore.exceptions.SSLError,
        errors.SourceInvalid,
        Reason.CERTIFICATE_INVALID,
        "give the authority's certificate as storage.caBundle",
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
        (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError),
        errors.SourceUnreachable,
        Reason.ENDPOINT_UNREACHABLE,
        "correct storage.endpoint or the network",
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


class Answer:
    """The answer to a request for bytes: what S3 states about the object, and the bytes as they arrive."""

    def __init__(self, stored: plan.StoredObject, is_whole: bool, answer: Mapping[str, Any]) -> None:
        self.is_whole = is_whole
        self.checksum = read_checksum(answer, stored.etag) if is_whole else None
        self._body = answer["Body"]

    def chunks(self) -> Iterator[bytes]:
        """The bytes, up to 1 MiB at a time; may end early, as connections do."""
        while chunk := self._body.read(_CHUNK):
            yield chunk


class Store:
    """One place in S3. Every method raises PullError with S3's own code and text, the URI and what to do."""

    def __init__(self, source: plan.Source, chosen: settings.Settings, connections: int) -> None:
        self._source = source
        self._client = _build_client(source, chosen, connections)

    def list_objects(self) -> list[plan.StoredObject]:
        """Every object below the source's prefix."""
        with self._translate_errors(self._source.uri):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._source.bucket, Prefix=self._source.prefix
            )
            return [
                plan.StoredObject(found["Key"], found["Size"], found.get("ETag", "").strip('"'))
                for page in pages
                for found in page.get("Contents", [])
            ]

    @contextlib.contextmanager
    def read(self, stored: plan.StoredObject, offset: int, length: int) -> Iterator[Answer]:
        """Asks for `length` bytes from `offset` on, of the object as it was listed."""
        is_whole = offset == 0 and length == stored.size
        options: dict[str, Any] = {"ChecksumMode": "ENABLED"} if is_whole else {}
        if not is_whole:
            options = {"Range": f"bytes={offset}-{offset + length - 1}"}
        if stored.etag:
            options["IfMatch"] = f'"{stored.etag}"'
        with self._translate_errors(self._source.build_uri(stored.key)):
            answer = self._client.get_object(Bucket=self._source.bucket, Key=stored.key, **options)
            with contextlib.closing(answer["Body"]):
                self._check_unchanged(stored, answer)
                yield Answer(stored, is_whole, answer)

    def find_checksum(self, stored: plan.StoredObject) -> digest.Checksum | None:
        """What S3 states about an object that is read in several stretches."""
        with self._translate_errors(self._source.build_uri(stored.key)):
            answer = self._client.head_object(Bucket=self._source.bucket, Key=stored.key, ChecksumMode="ENABLED")
            self._check_unchanged(stored, answer)
            return read_checksum(answer, stored.etag)

    def _check_unchanged(self, stored: plan.StoredObject, answer: Mapping[str, Any]) -> None:
        total = int(str(answer.get("ContentRange", "")).rpartition("/")[2] or answer["ContentLength"])
        etag = str(answer.get("ETag", stored.etag)).strip('"')
        if total != stored.size or etag != stored.etag:
            found, listed = f"{total} bytes, ETag {etag}", f"{stored.size} bytes, ETag {stored.etag}"
            raise _build_changed(self._source.build_uri(stored.key), f"it was {listed} when listed and is {found}")

    @contextlib.contextmanager
    def _translate_errors(self, uri: str) -> Iterator[None]:
        try:
            yield
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, *_CUT_OFF) as error:
            raise translate(error, uri, self._source) from error


def read_checksum(answer: Mapping[str, Any], etag: str) -> digest.Checksum | None:
    """The checksum of the whole object in an answer to GetObject or HeadObject, the strongest one, or None.

    An ETag is an MD5 only of an object that was put in one part and not encrypted by KMS or a customer's key
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); a checksum with a dash is one of parts.
    """
    for field, algorithm in (("ChecksumSHA256", "sha256"), ("ChecksumSHA1", "sha1")):
        if (value := answer.get(field)) and "-" not in value:
            return digest.Checksum(algorithm, base64.b64decode(value))
    customer_key = answer.get("SSECustomerAlgorithm")
    if _MD5_ETAG.fullmatch(etag) and answer.get("ServerSideEncryption") in _ENCRYPTION_WITH_MD5 and not customer_key:
        return digest.Checksum("md5", bytes.fromhex(etag))
    if (value := answer.get("ChecksumCRC32")) and "-" not in value and answer.get("ChecksumType") != "COMPOSITE":
        return digest.Checksum("crc32", base64.b64decode(value))
    return None


def _build_client(source: plan.Source, chosen: settings.Settings, connections: int) -> "S3Client":
    config = botocore.config.Config(
        region_name=chosen.region,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 1},
        s3={"addressing_style": "path" if chosen.path_style else "auto"},
        response_checksum_validation="when_required",
    )
    core = botocore.session.get_session()
    core.set_config_variable("metadata_service_timeout", _METADATA_SECONDS)
    core.set_config_variable("metadata_service_num_attempts", 1)
    try:
        if core.get_credentials() is None:
            raise _build_no_credentials(source)
        return boto3.session.Session(botocore_session=core).client("s3", config=config)
    except ValueError as error:
        message = f"{error}: storage.endpoint must be a URL such as https://s3.example.com"
        raise errors.SourceInvalid(Reason.ENDPOINT_INVALID, message) from error
    except botocore.exceptions.BotoCoreError as error:
        raise translate(error, source.uri, source) from error


def translate(error: Exception, uri: str, source: plan.Source) -> errors.PullError:
    """Our error for one of botocore's: its own words, the URI and what to do."""
    if isinstance(error, botocore.exceptions.ClientError):
        return _translate_answer(error, uri, source)
    if isinstance(error, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError):
        return _build_no_credentials(source)
    for kind, ours, reason, advice in _FAULTS:
        if isinstance(error, kind):
            return ours(reason, f"{uri}: {error}: {advice}")
    return errors.PullError(Reason.S3_ERROR, f"{uri}: {error}")


def _translate_answer(error: botocore.exceptions.ClientError, uri: str, source: plan.Source) -> errors.PullError:
    stated, status = (
        error.response.get("Error", {}),
        error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
    )
    code = stated.get("Code", "")
    said = f"{uri}: {code}: {stated.get('Message') or 'no message'} ({error.operation_name}, HTTP {status})"
    if reason := _DENIED.get(code):
        return errors.SourceDenied(reason, f"{said}: {_ADVICE.get(reason, describe_grant(source))}")
    if reason := _find_misdirection(error, code, status):
        return errors.SourceInvalid(reason, f"{said}: {_advise_direction(error, reason)}")
    if reason := _MISSING.get(code):
        return errors.SourceMissing(reason, f"{said}: {_ADVICE[reason]}")
    if code in _CHANGED:
        return _build_changed(uri, said)
    if status >= 500 or code in {"SlowDown", "RequestTimeout", "Throttling"}:
        advice = "it is tried again; if it stays so, see whether storage.endpoint is an S3 server"
        return errors.SourceUnreachable(Reason.SERVICE_UNAVAILABLE, f"{said}: {advice}")
    return errors.PullError(Reason.S3_ERROR, said)


def _find_misdirection(error: botocore.exceptions.ClientError, code: str, status: int) -> names.PullReason | None:
    """Why the request should have gone elsewhere, if it should."""
    if code in _REGION or status == 301:
        return Reason.WRONG_REGION
    return Reason.ENDPOINT_INVALID if code in _NOT_S3 and error.operation_name != "HeadObject" else None


def _advise_direction(error: botocore.exceptions.ClientError, reason: names.PullReason) -> str:
    if reason == Reason.ENDPOINT_INVALID:
        return "the server there does not speak S3; correct storage.endpoint"
    region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return f"set storage.region to {region or 'the bucket’s'}"


def describe_grant(source: plan.Source) -> str:
    """What a pull needs to be allowed."""
    arn = f"arn:aws:s3:::{source.bucket}"
    return f"grant s3:ListBucket on {arn} and s3:GetObject on {arn}/{source.prefix}*"


def _build_changed(uri: str, how: str) -> errors.ArtifactChanged:
    message = f"{uri} changed during the pull: {how}; the artifact of a model version must never be overwritten"
    return errors.ArtifactChanged(Reason.OBJECT_CHANGED, message)


def _build_no_credentials(source: plan.Source) -> errors.SourceDenied:
    message = (
        f"{source.uri}: no credentials: name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY as "
        f"storage.secretName, or an account with a cloud role as storage.serviceAccountName; {describe_grant(source)}"
    )
    return errors.SourceDenied(Reason.CREDENTIALS_MISSING, message)
