"""Pulls from servers that call themselves S3 and are not Amazon's, and from proxies in front of them."""

import asyncio
import base64
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from mlflow.store.artifact import s3_artifact_repo

from podium import errors, names
from podium.puller import plan, pull, report, settings, stores
from tests.support import bucket, httpserver, programs

LARGE = bytes(range(256)) * (plan.BLOCK // 256) + b"tail"
"""Two blocks."""
FILES = {"iris/3/MLmodel": b"flavors: {}", "iris/3/data/model.pkl": b"pickle" * 1000, "iris/3/weights": LARGE}
SOURCE = "s3://models/iris/3"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(("AWS_", "PODIUM_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{programs.free_ports(1)[0]}")


@pytest.fixture
def served() -> Iterator[bucket.Bucket]:
    found = bucket.Bucket(dict(FILES))
    found.server.rule(as_head_of_a_bucket, httpserver.answer())
    with found.server.running():
        yield found


def as_head_of_a_bucket(request: web.Request) -> bool:
    """How botocore asks for the region of a bucket."""
    return request.method == "HEAD" and request.path.count("/") == 1


@pytest.fixture
def chosen(tmp_path: pathlib.Path, served: bucket.Bucket) -> settings.Settings:
    return settings.Settings(
        source=SOURCE,
        model_dir=tmp_path / "model",
        timeout=60,
        retries=2,
        expected_digest=None,
        region="us-east-1",
        path_style=True,
        endpoint=served.server.url,
    )


def run(chosen: settings.Settings, **changes: Any) -> report.Success:
    return pull.run(dataclasses.replace(chosen, **changes), stores.STORES)


def pulled(chosen: settings.Settings) -> dict[str, bytes]:
    root = chosen.model_dir
    found = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return {f"iris/3/{path}": content for path, content in found.items() if not path.startswith(".podium/")}


def refused(chosen: settings.Settings, reason: names.PullReason, **changes: Any) -> str:
    with pytest.raises(errors.PullError) as caught:
        run(chosen, **changes)
    assert caught.value.reason == reason, str(caught.value)
    assert not (chosen.model_dir / plan.MLMODEL).exists()
    return str(caught.value)


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def gets(served: bucket.Bucket, key: str) -> int:
    return served.server.count(lambda request: request.method == "GET" and bucket.is_for(key)(request))


# An ETag is a validator


def test_etags_that_look_like_md5_and_are_none_are_found_out_once_and_said_once(
    chosen: settings.Settings, served: bucket.Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    served.objects |= {f"iris/3/part-{n}": bytes([n]) * 100 for n in range(20)}
    served.etag = lambda content: bucket.md5(b"salt" + content)
    run(chosen)
    assert pulled(chosen) == served.objects
    said = [line for line in logged(capsys) if "not an MD5" in line["message"]]
    assert len(said) == 1
    twice = [key for key in served.objects if key != "iris/3/weights" and gets(served, key) > 1]
    assert 1 <= len(twice) <= 8  # those that were under way when it was found out


def test_bytes_that_were_changed_on_the_way_once_are_brought_again(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    wrong = httpserver.answer(200, b"PICKLE" * 1000, {"ETag": bucket.md5(b"pickle" * 1000)})
    served.server.rule(bucket.is_for("model.pkl"), wrong, times=1)
    run(chosen)
    assert pulled(chosen) == FILES


@pytest.mark.parametrize("key", ["iris/3/data/model.pkl", "iris/3/weights"], ids=["one answer", "several answers"])
def test_bytes_that_never_match_the_checksum_of_the_store_are_refused(
    chosen: settings.Settings, served: bucket.Bucket, key: str
) -> None:
    def state(content: bytes) -> dict[str, str]:
        wrong = b"other" if content == FILES[key] else content
        return {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(wrong).digest()).decode()}

    served.headers = state
    assert f"s3://models/{key}" in refused(chosen, names.PullReason.CHECKSUM_MISMATCH)


def test_content_md5_is_a_checksum(chosen: settings.Settings, served: bucket.Bucket) -> None:
    served.etag = lambda _: '"0-1"'
    served.headers = lambda _: {"Content-MD5": base64.b64encode(b"\0" * 16).decode()}
    assert "md5" in refused(chosen, names.PullReason.CHECKSUM_MISMATCH)


@pytest.mark.parametrize(
    ("listed", "answered"),
    [
        pytest.param(bucket.md5, lambda content: "W/" + bucket.md5(content), id="weak in answers"),
        pytest.param(
            lambda content: "W/" + bucket.md5(content), lambda content: "W/" + bucket.md5(content), id="weak everywhere"
        ),
        pytest.param(lambda _: "", bucket.md5, id="none in the listing"),
        pytest.param(lambda _: "", lambda _: "", id="none at all"),
        pytest.param(lambda c: f'"{len(c)}-x"', None, id="no MD5 at all, as in S3 Express"),
    ],
)
def test_etags_of_other_kinds_are_pulled(
    chosen: settings.Settings, served: bucket.Bucket, listed: Callable[[bytes], str], answered: Any
) -> None:
    served.etag, served.etag_of_answers = listed, answered
    run(chosen)
    assert pulled(chosen) == FILES


@pytest.mark.parametrize(
    ("listed", "answered"),
    [
        pytest.param(lambda c: "W/" + bucket.md5(c), lambda c: "W/" + bucket.md5(c), id="by a weak ETag"),
        pytest.param(lambda _: "", bucket.md5, id="by the ETags of the answers"),
        pytest.param(lambda _: "", lambda _: "", id="by the time of the last change"),
    ],
)
def test_an_object_that_changes_during_the_pull_is_found_without_if_match(
    chosen: settings.Settings, served: bucket.Bucket, listed: Callable[[bytes], str], answered: Any
) -> None:
    served.etag, served.etag_of_answers = listed, answered
    served.page = 2
    seen = 0

    async def overwrite(_: web.Request) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            served.objects["iris/3/weights"] = LARGE[::-1]
            served.modified += 60

    served.server.rule(bucket.is_for("weights"), overwrite)
    assert "s3://models/iris/3/weights changed during the pull" in refused(chosen, names.PullReason.OBJECT_CHANGED)


# Headers that a server refuses


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        pytest.param("If-Match", bucket.refuse(501, "NotImplemented"), id="If-Match: 501"),
        pytest.param("If-Match", bucket.refuse(400, "InvalidArgument"), id="If-Match: 400"),
        pytest.param("If-Match", httpserver.answer(501, b""), id="If-Match: 501 without a body"),
        pytest.param("If-Match", bucket.refuse(412, "PreconditionFailed"), id="If-Match never matches"),
        pytest.param("x-amz-checksum-mode", bucket.refuse(400, "InvalidRequest"), id="checksums: 400"),
        pytest.param("x-amz-checksum-mode", bucket.refuse(501, "NotImplemented"), id="checksums: 501"),
    ],
)
def test_a_header_that_a_server_refuses_is_left_out_from_then_on(
    chosen: settings.Settings,
    served: bucket.Bucket,
    header: str,
    answer: httpserver.Act,
    capsys: pytest.CaptureFixture[str],
) -> None:
    served.objects |= {f"iris/3/part-{n}": bytes([n]) * 100 for n in range(20)}
    served.server.rule(bucket.asks_with(header), answer)
    run(chosen)
    assert pulled(chosen) == served.objects
    assert served.server.count(bucket.asks_with(header)) <= 16  # two tries of each that was under way
    assert len([line for line in logged(capsys) if header in line["message"]]) == 1


def test_a_server_that_answers_no_head_is_pulled_from_all_the_same(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    served.server.rule(lambda request: request.method == "HEAD", httpserver.answer(405, b""))
    run(chosen)
    assert pulled(chosen) == FILES


# Answers that say: later


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(bucket.refuse(429, "TooManyRequests"), id="429 with a code of its own"),
        pytest.param(httpserver.answer(429, b""), id="429 without a body"),
        pytest.param(httpserver.answer(503, b"<html><h1>503 Service Unavailable<br></h1></html>"), id="503 in HTML"),
        pytest.param(httpserver.answer(502, b"<html><h1>Bad gateway</h1></html>"), id="502 in XHTML"),
        pytest.param(httpserver.answer(500, b""), id="500 without a body"),
        pytest.param(bucket.refuse(503, "XAmzServerBusy"), id="503 with a code of its own"),
        pytest.param(bucket.refuse(400, "RequestTimeout"), id="a timeout of the server's"),
        pytest.param(httpserver.answer(408, b""), id="408"),
    ],
)
@pytest.mark.parametrize("where", ["list-type", "model.pkl"])
def test_a_server_that_asks_for_patience_gets_it(
    chosen: settings.Settings, served: bucket.Bucket, answer: httpserver.Act, where: str
) -> None:
    del served.objects["iris/3/weights"]
    served.server.rule(httpserver.has_in_path(where), answer, times=1)
    run(chosen)
    assert pulled(chosen) == served.objects


def test_a_retry_waits_as_long_as_the_server_says(chosen: settings.Settings, served: bucket.Bucket) -> None:
    asked: list[float] = []

    async def note(_: web.Request) -> None:
        asked.append(time.monotonic())

    served.server.rule(httpserver.has_in_path("model.pkl"), note)
    served.server.rule(
        httpserver.has_in_path("model.pkl"), bucket.refuse(503, "SlowDown", {"Retry-After": "2"}), times=1
    )
    run(chosen)
    assert 2 <= asked[1] - asked[0] < 4


def test_a_gateway_that_stays_down_is_told_from_a_store_that_is_busy(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    served.server.rule(httpserver.has_in_path("weights"), httpserver.answer(502, b"<html>nginx<br></html>"))
    said = refused(chosen, names.PullReason.SERVICE_UNAVAILABLE, retries=1)
    assert "HTTP 502" in said
    assert "there is no error of S3's in it: a proxy or gateway in front of the store" in said


def test_one_page_of_a_listing_is_asked_for_again_and_not_the_whole(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    served.page = 1
    served.server.rule(httpserver.has_in_path("continuation-token"), bucket.refuse(503, "SlowDown"), times=1)
    run(chosen)
    assert pulled(chosen) == FILES
    assert served.server.count(httpserver.has_in_path("list-type")) == len(FILES) + 1


# Answers of another form


def test_answers_without_a_length_are_pulled(chosen: settings.Settings, served: bucket.Bucket) -> None:
    served.is_chunked = True
    run(chosen)
    assert pulled(chosen) == FILES


def test_more_bytes_than_were_listed_are_refused_with_the_cause(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    unpacked = httpserver.answer(200, b"x" * 9000, {"ETag": bucket.md5(b"pickle" * 1000), "Content-Encoding": "gzip"})
    served.server.rule(bucket.is_for("model.pkl"), unpacked)
    said = refused(chosen, names.PullReason.ENDPOINT_INVALID)
    assert "Content-Encoding" in said


def test_a_server_that_ignores_ranges_corrupts_nothing(chosen: settings.Settings, served: bucket.Bucket) -> None:
    served.ignores_range = True
    assert "ignores the header Range" in refused(chosen, names.PullReason.ENDPOINT_INVALID)


def test_a_listing_that_is_cut_and_cannot_go_on_is_refused(chosen: settings.Settings, served: bucket.Bucket) -> None:
    cut = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    served.server.rule(httpserver.has_in_path("list-type"), httpserver.answer(200, cut))
    assert "ListObjectsV2" in refused(chosen, names.PullReason.ENDPOINT_INVALID)


def test_a_listing_without_end_ends_with_a_sentence(
    chosen: settings.Settings, served: bucket.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "<Contents><Key>iris/3/{n}</Key><Size>1</Size></Contents>"
    page = 0

    async def go_on(_: web.Request) -> web.Response:
        nonlocal page
        page += 1
        lines = "".join(line.format(n=f"{page}-{n}") for n in range(1000))
        body = f"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{page}</NextContinuationToken>"
        return web.Response(body=(body + lines + "</ListBucketResult>").encode())

    served.server.rule(httpserver.has_in_path("list-type"), go_on)
    said = refused(chosen, names.PullReason.TOO_MANY_OBJECTS)
    assert "more than 50000 objects below s3://models/iris/3/" in said


# Clocks, credentials, certificates


def test_a_wrong_clock_is_named_with_both_times(chosen: settings.Settings, served: bucket.Bucket) -> None:
    skewed = bucket.refuse(403, "RequestTimeTooSkewed", {"Date": "Sat, 28 Nov 2026 01:02:03 GMT"})
    served.server.rule(httpserver.is_any, skewed)
    said = refused(chosen, names.PullReason.CLOCK_SKEWED)
    assert "the node's clock is wrong" in said
    assert "2026-11-28T01:02:03" in said


def test_expired_credentials_of_a_secret_are_told_at_once(chosen: settings.Settings, served: bucket.Bucket) -> None:
    served.server.rule(httpserver.is_any, bucket.refuse(400, "ExpiredToken"))
    assert "renew the credentials in the Secret" in refused(chosen, names.PullReason.CREDENTIALS_EXPIRED)
    assert served.server.count(httpserver.has_in_path("list-type")) == 1


def test_expired_credentials_of_an_identity_are_read_again(
    chosen: settings.Settings, served: bucket.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter(["first", "second"])

    async def give(_: web.Request) -> web.Response:
        keys = {"AccessKeyId": next(given), "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
        return web.json_response(keys)

    def is_first(request: web.Request) -> bool:
        return "Credential=first/" in request.headers.get("Authorization", "")

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    served.server.rule(httpserver.has_in_path("/credentials"), give)
    served.server.rule(
        lambda r: is_first(r) and bucket.is_for("model.pkl")(r), bucket.refuse(400, "ExpiredToken"), times=1
    )
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", served.server.url + "/credentials")
    run(chosen)
    assert pulled(chosen) == FILES
    assert served.server.count(httpserver.has_in_path("/credentials")) == 2


def test_the_keys_of_a_secret_are_read_as_people_have_them(
    served: bucket.Bucket, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    env = {"accesskey": "minio", "secretkey": "s", "MLFLOW_S3_ENDPOINT_URL": served.server.url}
    code, said = run_puller(tmp_path, **env)
    assert (code, said.get("files")) == (0, 3)
    (listed,) = (each for each in served.server.asked if "list-type" in each.path)
    assert "Credential=minio/" in listed.headers["authorization"]


def test_a_proxy_that_cannot_be_reached_is_named(chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{programs.free_ports(1)[0]}")
    monkeypatch.setenv("NO_PROXY", "")
    said = refused(chosen, names.PullReason.ENDPOINT_UNREACHABLE, endpoint="http://s3.example:9000", retries=0)
    assert "puller.env" in said


# Keys as MLflow reads them


def test_a_root_with_a_double_slash_is_the_key_that_mlflow_reads(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    served.objects = {"/mlflow//1/MLmodel": b"flavors: {}", "mlflow/1/MLmodel": b"another"}
    run(chosen, source="s3://models//mlflow//1")
    assert (chosen.model_dir / "MLmodel").read_bytes() == b"flavors: {}"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://models/iris/3",
        "s3://models/iris/3/",
        "s3://models//mlflow/1",
        "s3://models/a//b",
        "s3://models/a b+c%20é",
        "s3://My_Bucket/x",
        "s3://arn:aws:s3:eu-1:123456789012:accesspoint:ap/x",
    ],
)
def test_the_prefix_is_what_mlflow_itself_lists(uri: str) -> None:
    bucket_name, path = s3_artifact_repo.S3ArtifactRepository.parse_s3_compliant_uri(None, uri)
    assert plan.parse_source(uri, ["s3"]) == plan.Source("s3", bucket_name, path.rstrip("/") + "/")


def test_odd_names_arrive_byte_for_byte(chosen: settings.Settings, served: bucket.Bucket) -> None:
    odd = [
        "a b+c é%20:.bin",
        "#1",
        "what?",
        "x#y?z",
        "e\u0301",
        "\u00e9",
        "new\nline",
        "'\"&<>\\",
        "_$folder$",
        "é" * 127,
    ]
    served.objects = {f"iris/3/{name}": name.encode() for name in ["MLmodel", *odd]}
    run(chosen)
    assert pulled(chosen) == served.objects


@pytest.mark.parametrize("scheme", ["s3a", "s3n"])
def test_hadoops_names_of_s3_are_s3(chosen: settings.Settings, scheme: str) -> None:
    run(chosen, source=f"{scheme}://models/iris/3")
    assert pulled(chosen) == FILES


# Objects that were put in parts


@functools.cache
def composite(content: bytes, size: int, algorithm: Callable[[bytes], bytes]) -> str:
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return f"{base64.b64encode(algorithm(b''.join(map(algorithm, parts)))).decode()}-{len(parts)}"


def crc32(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "big")


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.mark.parametrize(("header", "algorithm"), [("x-amz-checksum-crc32", crc32), ("x-amz-checksum-sha256", sha256)])
@pytest.mark.parametrize("size", [8 * 1024 * 1024, 5000], ids=["several blocks", "one block"])
def test_a_checksum_of_parts_is_compared(
    chosen: settings.Settings,
    served: bucket.Bucket,
    header: str,
    algorithm: Callable[[bytes], bytes],
    size: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if size == 5000:
        del served.objects["iris/3/weights"]
    served.etag, served.part_size = (lambda content: f'"{hashlib.md5(content).hexdigest()}-9"'), size
    served.headers = lambda content: {header: composite(content, size, algorithm), "x-amz-checksum-type": "COMPOSITE"}
    run(chosen)
    assert logged(capsys)[-1]["verified"] == {header.removeprefix("x-amz-checksum-"): len(served.objects)}
    served.headers = lambda content: {header: composite(content[::-1], size, algorithm)}
    (chosen.model_dir / "MLmodel").unlink()
    refused(chosen, names.PullReason.CHECKSUM_MISMATCH)


def test_crc64nvme_is_compared(
    chosen: settings.Settings, served: bucket.Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    served.objects["iris/3/MLmodel"] = b"123456789"
    del served.objects["iris/3/weights"]
    del served.objects["iris/3/data/model.pkl"]
    served.etag = lambda _: '"0-9"'
    check = 0xAE8B14860A799888.to_bytes(8, "big")  # of "123456789": the value of the algorithm's definition
    served.headers = lambda _: {"x-amz-checksum-crc64nvme": base64.b64encode(check).decode()}
    run(chosen)
    assert logged(capsys)[-1]["verified"] == {"crc64nvme": 1}
    (chosen.model_dir / "MLmodel").unlink()
    served.objects["iris/3/MLmodel"] = b"12345678X"
    refused(chosen, names.PullReason.CHECKSUM_MISMATCH)


# The program: its deadline, and the container that starts again


def run_puller(tmp_path: pathlib.Path, **env: str) -> tuple[int, dict[str, Any]]:
    log = tmp_path / "termination-log"
    given = {
        names.ENV_SOURCE: SOURCE,
        names.ENV_MODEL_DIR: str(tmp_path / "model"),
        names.ENV_TERMINATION_LOG: str(log),
    }
    done = subprocess.run(
        [sys.executable, "-m", "podium.puller"], env=os.environ | given | env, timeout=60, check=False
    )
    return done.returncode, json.loads(log.read_text())


@pytest.mark.parametrize("where", ["list-type", "model.pkl"])
def test_an_endpoint_that_trickles_ends_at_the_timeout(
    served: bucket.Bucket, tmp_path: pathlib.Path, where: str
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": bucket.md5(b"pickle" * 1000), "Content-Length": "6000"})
        await response.prepare(request)
        for _ in range(400):
            await response.write(b"p")
            await asyncio.sleep(0.1)
        return response

    served.server.rule(httpserver.has_in_path(where), trickle)
    began = time.monotonic()
    code, said = run_puller(tmp_path, AWS_ENDPOINT_URL=served.server.url, PODIUM_PULL_TIMEOUT="3")
    assert (code, said["reason"]) == (1, "TimedOut")
    assert "3 s (puller.timeout)" in said["message"]
    assert time.monotonic() - began < 9


def test_a_pull_that_was_cut_goes_on_from_what_it_had_when_the_container_starts_again(
    served: bucket.Bucket, tmp_path: pathlib.Path
) -> None:
    def is_last_block(request: web.Request) -> bool:
        return request.headers.get("Range") == f"bytes={plan.BLOCK}-{len(LARGE) - 1}"

    async def refuse_later(request: web.Request) -> web.StreamResponse | None:
        await wait_for(lambda: journal_has(tmp_path / "model/.podium/journal", 3))
        return await bucket.refuse(403, "AccessDenied")(request)

    served.server.rule(is_last_block, refuse_later, times=1)
    env = {"AWS_ENDPOINT_URL_S3": served.server.url}
    code, said = run_puller(tmp_path, **env)
    assert (code, said["reason"]) == (1, "AccessDenied")
    before = len(served.server.asked)
    assert run_puller(tmp_path, **env)[0] == 0
    again = served.server.asked[before:]
    assert [each.headers["range"] for each in again if "range" in each.headers] == [
        f"bytes={plan.BLOCK}-{len(LARGE) - 1}"
    ]
    assert not [each for each in again if each.method == "GET" and "model.pkl" in each.path]
    assert (tmp_path / "model/weights").read_bytes() == LARGE


def test_what_was_written_again_between_two_runs_is_brought_anew(
    chosen: settings.Settings, served: bucket.Bucket
) -> None:
    served.server.rule(bucket.is_for("MLmodel"), bucket.refuse(403, "AccessDenied"), times=1)
    refused(chosen, names.PullReason.ACCESS_DENIED)
    served.objects |= {"iris/3/weights": LARGE[::-1], "iris/3/data/model.pkl": b"PICKLE" * 1000}
    run(chosen)
    assert pulled(chosen) == served.objects


def journal_has(path: pathlib.Path, blocks: int) -> bool:
    return path.exists() and path.read_text().count('"digest"') >= blocks


async def wait_for(is_true: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never was")
