"""The Store of s3://: listings, stretches of objects, checksums; from Amazon's S3 and from all that calls itself S3.

Two headers are asked for where a server takes them, and left out for the rest of the pull where it refuses them:
If-Match, with which a server itself notices that an object has changed, and x-amz-checksum-mode, with which it states
checksums. That an object has not changed is seen without If-Match too, by the ETag and the size of each answer.

Retries are the puller's own, one rule for all (see `transfer`), so botocore makes one attempt each.

    s3_answers    what an answer states about an object
    s3_faults     errors in words that say what to do
"""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.session

from podium import errors, names
from podium.puller import digest, plan, report, s3_answers, s3_faults, settings, stores

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_METADATA_SECONDS = 1
"""How long a node's metadata service may take; where there is none, this is how long it takes to say so."""
_PRECONDITION_FAILED = 412


@dataclasses.dataclass(frozen=True)
class _Headers:
    """Which of the headers that S3 knows a server is sent."""

    match: bool = True
    checksums: bool = True

    def build(self, stored: plan.StoredObject, is_whole: bool) -> dict[str, Any]:
        """As parameters of a request for the object; a stretch of it has no checksum, and a weak ETag never matches."""
        found: dict[str, Any] = {"ChecksumMode": "ENABLED"} if self.checksums and is_whole else {}
        if self.match and stored.etag and not stored.is_weak:
            found["IfMatch"] = f'"{stored.etag}"'
        return found

    def list_fewer(self) -> list["_Headers"]:
        """What to try where these are refused."""
        fewer = [_Headers(self.match, False), _Headers(False, self.checksums), _Headers(False, False)]
        return [each for each in dict.fromkeys(fewer) if each != self]

    def describe_lack(self) -> str:
        """What is not sent, by name."""
        lacking = [
            name for sent, name in ((self.match, "If-Match"), (self.checksums, "x-amz-checksum-mode")) if not sent
        ]
        return " and ".join(lacking)


class Store:
    """One place in S3. Every method raises PullError with S3's own code and text, the URI and what to do."""

    def __init__(self, source: plan.Source, chosen: settings.Settings, connections: int) -> None:
        self._source = source
        self._place = s3_faults.Place(source, chosen.endpoint, chosen.named_bucket)
        self._open = functools.partial(_connect, self._place, chosen, connections)
        self._connection = self._open()
        self._lock = threading.Lock()
        self._headers = _Headers()
        self._validators: dict[tuple[str, bool], str] = {}
        """What the first answer stated of an object that it or the listing states no ETag of; by key and kind."""

    def list_page(self, token: str) -> stores.Page:
        """Some of the objects below the source's prefix, from a token on."""
        place: dict[str, Any] = {"Bucket": self._source.bucket, "Prefix": self._source.prefix}
        if token:
            place["ContinuationToken"] = token
        with self._translate_errors(self._source.uri):
            page = self._call("list_objects_v2", place)
        following = page.get("NextContinuationToken", "") if page.get("IsTruncated") else ""
        if page.get("IsTruncated") and not following:
            message = (
                f"{self._source.uri}: the listing is cut and cannot go on: the server does not speak ListObjectsV2"
            )
            raise errors.SourceInvalid(names.PullReason.ENDPOINT_INVALID, message)
        return stores.Page([_read_line(line) for line in page.get("Contents", [])], following)

    @contextlib.contextmanager
    def read(self, stored: plan.StoredObject, offset: int, length: int) -> Iterator[stores.Answer]:
        """Asks for `length` bytes from `offset` on, of the object as it was listed."""
        uri, is_whole = self._source.build_uri(stored.key), offset == 0 and length == stored.size
        extent = {} if is_whole else {"Range": f"bytes={offset}-{offset + length - 1}"}
        with self._translate_errors(uri):
            answer = self._ask("get_object", stored, is_whole, extent)
            with contextlib.closing(answer["Body"]):
                if not is_whole:
                    s3_answers.check_range(uri, offset, answer)
                checksum = self._read_checksum(stored, answer) if is_whole else None
                yield s3_answers.Answer(uri, length, is_whole, checksum, answer)

    def find_checksum(self, stored: plan.StoredObject) -> digest.Checksum | None:
        """What S3 states about an object that is read in several stretches; None where it answers no HEAD."""
        with self._translate_errors(self._source.build_uri(stored.key)):
            try:
                answer = self._ask("head_object", stored, True, {})
            except botocore.exceptions.ClientError as error:
                if s3_faults.is_refusal_of_header(error):
                    return None
                raise
            return self._read_checksum(stored, answer)

    def _read_checksum(self, stored: plan.StoredObject, answer: Mapping[str, Any]) -> digest.Checksum | None:
        """What an answer about a whole object states, a checksum of parts too if they have one size."""
        found = s3_answers.read_checksum(answer, "" if stored.is_weak else stored.etag)
        composite = s3_answers.read_composite(answer, stored.size)
        if (found and found.is_stated) or not composite:
            return found
        algorithm, value, parts = composite
        size = self._find_part_size(stored, parts)
        return digest.Checksum(algorithm, value, part_size=size) if size else found

    def _find_part_size(self, stored: plan.StoredObject, parts: int) -> int:
        """The size of the object's parts but the last; 0 if they differ, or the server does not say it."""
        place = {"Bucket": self._source.bucket, "Key": stored.key, "PartNumber": 1}
        try:
            first = self._call("head_object", place)
        except botocore.exceptions.ClientError as error:
            if s3_faults.is_refusal_of_header(error):
                return 0
            raise
        size = int(first.get("ContentLength", 0))
        is_even = size > 0 and first.get("PartsCount", parts) == parts and -(-stored.size // size) == parts
        return size if is_even else 0

    def _ask(self, operation: str, stored: plan.StoredObject, is_whole: bool, extent: Mapping[str, Any]) -> Any:
        """The answer about an object that has not changed; without the headers that the server refuses."""
        place = {"Bucket": self._source.bucket, "Key": stored.key, **extent}
        sent = self._headers

        def ask(headers: _Headers) -> Any:
            answer = self._call(operation, place | headers.build(stored, is_whole))
            with _closing_on_error(answer):
                self._check_unchanged(stored, answer)
            return answer

        try:
            return ask(sent)
        except botocore.exceptions.ClientError as error:
            if not s3_faults.is_refusal_of_header(error):
                raise
            return self._ask_with_fewer(ask, stored, is_whole, sent, error)

    def _ask_with_fewer(
        self,
        ask: Callable[[_Headers], Any],
        stored: plan.StoredObject,
        is_whole: bool,
        sent: _Headers,
        refusal: botocore.exceptions.ClientError,
    ) -> Any:
        """Tries again without one header or the other. Raises the refusal if none of them is its cause."""
        for fewer in sent.list_fewer():
            is_same = fewer.build(stored, is_whole) == sent.build(stored, is_whole)
            if is_same or (fewer.match and s3_faults.read_status(refusal) == _PRECONDITION_FAILED):
                continue
            try:
                answer = ask(fewer)
            except botocore.exceptions.ClientError as error:
                if not s3_faults.is_refusal_of_header(error):
                    raise
                continue
            self._leave_out(fewer)
            return answer
        raise refusal

    def _leave_out(self, fewer: _Headers) -> None:
        with self._lock:
            left = _Headers(self._headers.match and fewer.match, self._headers.checksums and fewer.checksums)
            if left != self._headers:
                self._headers = left
                report.log(f"the server refuses {left.describe_lack()}; it is left out from now on", "warning")

    def _check_unchanged(self, stored: plan.StoredObject, answer: Mapping[str, Any]) -> None:
        uri, stated = self._source.build_uri(stored.key), s3_answers.read_stated(answer)
        listed, found = stored.etag, stated.etag
        if not listed or not found:  # then the answers are compared with each other, each kind of them
            found = stated.validator
            listed = self._validators.setdefault((stored.key, bool(stated.etag)), found)
        if found != listed:
            raise s3_faults.build_changed(uri, f"it was {listed} ({stored.size} bytes) and is {found}")
        if stated.size not in {None, stored.size}:
            if stored.etag and stated.etag:
                raise s3_answers.build_other_length(uri, f"{stated.size} bytes, other", answer)
            raise s3_faults.build_changed(uri, f"it had {stored.size} bytes when listed and has {stated.size}")

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """One request; with credentials that were read again, if those of an identity have expired."""
        used = self._connection
        try:
            return getattr(used.client, operation)(**parameters)
        except botocore.exceptions.ClientError as error:
            if not s3_faults.is_expiry(error) or not self._renew_credentials(used):
                raise
        return getattr(self._connection.client, operation)(**parameters)

    def _renew_credentials(self, used: "_Connection") -> bool:
        """Reads the credentials again, once for all that failed with the same; those of a Secret have not changed."""
        with self._lock:
            if self._connection is used:
                fresh = self._open()
                if fresh.credentials.get_frozen_credentials() == used.credentials.get_frozen_credentials():
                    return False
                self._connection = fresh
                report.log("the credentials had expired and were read again", "warning")
        return True

    @contextlib.contextmanager
    def _translate_errors(self, uri: str) -> Iterator[None]:
        try:
            yield
        except s3_faults.CAUGHT as error:
            raise s3_faults.translate(error, uri, self._place) from error


@contextlib.contextmanager
def _closing_on_error(answer: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except errors.PullError:
        if body := answer.get("Body"):
            body.close()
        raise


def _read_line(line: Mapping[str, Any]) -> plan.StoredObject:
    etag, is_weak = s3_answers.read_etag(str(line.get("ETag", "")))
    return plan.StoredObject(line["Key"], line["Size"], etag, is_weak)


@dataclasses.dataclass(frozen=True)
class _Connection:
    client: "S3Client"
    credentials: botocore.credentials.Credentials


def _connect(place: s3_faults.Place, chosen: settings.Settings, connections: int) -> _Connection:
    core = botocore.session.get_session()
    core.set_config_variable("metadata_service_timeout", _METADATA_SECONDS)
    core.set_config_variable("metadata_service_num_attempts", 1)
    if chosen.access_key and chosen.secret_key:
        core.set_credentials(chosen.access_key, chosen.secret_key)
    try:
        credentials = core.get_credentials()
        if credentials is None:
            raise s3_faults.build_no_credentials(place)
        session = boto3.session.Session(botocore_session=core)
        config = _build_config(place, chosen, connections)
        client = session.client("s3", config=config, endpoint_url=chosen.endpoint or None)
    except ValueError as error:
        message = f"{error}: storage.endpoint must be a URL such as https://s3.example.com"
        raise errors.SourceInvalid(names.PullReason.ENDPOINT_INVALID, message) from error
    except botocore.exceptions.BotoCoreError as error:
        raise s3_faults.translate(error, place.source.uri, place) from error
    client.meta.events.register("before-call.s3.GetObject", _leave_check_to_puller)
    return _Connection(client, credentials)


def _build_config(place: s3_faults.Place, chosen: settings.Settings, connections: int) -> botocore.config.Config:
    is_by_path = chosen.path_style and not place.source.bucket.startswith("arn:")
    return botocore.config.Config(
        region_name=chosen.region,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 1},
        s3={"addressing_style": "path" if is_by_path else "auto"},
        response_checksum_validation="when_required",
    )


def _leave_check_to_puller(params: Mapping[str, Any], **_: object) -> None:
    """Botocore would compare checksums too, and end the pull where the puller brings the object once more."""
    params["context"].get("checksum", {}).pop("response_algorithms", None)
