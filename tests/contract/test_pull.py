"""Pulls from a real S3 server: what arrives, and what is said when it cannot."""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from podium import errors, names
from podium.puller import plan, pull, settings, stores
from tests.support import httpserver, programs, s3

BUCKET = "models"
LARGE = bytes(range(256)) * (2 * plan.BLOCK // 256) + b"tail"
"""Three blocks."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.seaweedfs(tmp_path_factory.mktemp("seaweedfs"), BUCKET) as url:
        yield url


@pytest.fixture(scope="module")
def iris(endpoint: str) -> str:
    store(
        endpoint, "iris/3/", {"MLmodel": b"flavors: {}", "data/model.pkl": b"pickle", "empty": b"", "한글 file": b"x"}
    )
    return f"s3://{BUCKET}/iris/3"


@pytest.fixture(scope="module")
def large(endpoint: str) -> str:
    store(endpoint, "large/1/", {"MLmodel": b"flavors: {}", "weights": LARGE})
    return f"s3://{BUCKET}/large/1"


@pytest.fixture(autouse=True)
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(("AWS_", "PODIUM_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET_KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    # The way to a cloud's metadata service is a port where nobody listens.
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", closed_port())


@pytest.fixture
def chosen(tmp_path: pathlib.Path, iris: str) -> settings.Settings:
    return settings.Settings(
        source=iris,
        model_dir=tmp_path / "model",
        timeout=60,
        retries=1,
        expected_digest=None,
        region="us-east-1",
        path_style=True,
    )


def store(endpoint: str, prefix: str, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        s3.client(endpoint).put_object(Bucket=BUCKET, Key=prefix + path, Body=content)


def closed_port() -> str:
    return f"http://127.0.0.1:{programs.free_ports(1)[0]}"


def of(chosen: settings.Settings, **changes: Any) -> settings.Settings:
    return dataclasses.replace(chosen, **changes)


def refused(chosen: settings.Settings, reason: names.PullReason) -> errors.PullError:
    with pytest.raises(errors.PullError) as caught:
        pull.run(chosen, stores.STORES)
    assert caught.value.reason == reason, str(caught.value)
    assert not (chosen.model_dir / plan.MLMODEL).exists()
    return caught.value


def test_every_file_arrives_byte_for_byte(chosen: settings.Settings) -> None:
    success = pull.run(chosen, stores.STORES)
    found = {str(p.relative_to(chosen.model_dir)): p.read_bytes() for p in chosen.model_dir.rglob("*") if p.is_file()}
    found.pop(".podium/finished.json")
    assert found == {"MLmodel": b"flavors: {}", "data/model.pkl": b"pickle", "empty": b"", "한글 file": b"x"}
    assert (success.files, success.bytes) == (4, 18)


def test_two_pulls_of_one_artifact_have_one_digest(chosen: settings.Settings, tmp_path: pathlib.Path) -> None:
    assert (
        pull.run(chosen, stores.STORES).digest
        == pull.run(of(chosen, model_dir=tmp_path / "second"), stores.STORES).digest
    )


def test_an_object_of_several_blocks_arrives_whole(chosen: settings.Settings, large: str) -> None:
    pull.run(of(chosen, source=large), stores.STORES)
    assert (chosen.model_dir / "weights").read_bytes() == LARGE


def test_an_object_that_was_put_in_parts_arrives_whole_and_is_compared_with_its_checksum_of_parts(
    chosen: settings.Settings, endpoint: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parts").write_bytes(LARGE)
    store(endpoint, "parts/1/", {"MLmodel": b"x"})
    s3.client(endpoint).upload_file(str(tmp_path / "parts"), BUCKET, "parts/1/weights")
    pull.run(of(chosen, source=f"s3://{BUCKET}/parts/1"), stores.STORES)
    assert (chosen.model_dir / "weights").read_bytes() == LARGE
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verified"] == {"crc32": 2}


def test_a_finished_pull_is_found_again_without_asking_s3(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pull.run(chosen, stores.STORES)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", closed_port())
    assert pull.run(chosen, stores.STORES) == first


def test_the_expected_digest_is_accepted_and_any_other_refused(
    chosen: settings.Settings, tmp_path: pathlib.Path
) -> None:
    found = pull.run(chosen, stores.STORES).digest
    assert pull.run(of(chosen, expected_digest=found, model_dir=tmp_path / "again"), stores.STORES).digest == found
    error = refused(
        of(chosen, expected_digest="sha256:other", model_dir=tmp_path / "other"), names.PullReason.DIGEST_MISMATCH
    )
    assert found in str(error)
    assert "sha256:other" in str(error)


def test_a_missing_bucket_is_named(chosen: settings.Settings) -> None:
    error = refused(of(chosen, source="s3://nowhere/iris/3"), names.PullReason.NO_SUCH_BUCKET)
    assert "s3://nowhere/iris/3" in str(error)
    assert "NoSuchBucket" in str(error)


def test_a_missing_key_is_named(chosen: settings.Settings) -> None:
    error = refused(of(chosen, source=f"s3://{BUCKET}/iris/4"), names.PullReason.NO_SUCH_KEY)
    assert f"s3://{BUCKET}/iris/4/" in str(error)


def test_a_place_that_holds_no_model_says_what_it_holds(chosen: settings.Settings) -> None:
    error = refused(of(chosen, source=f"s3://{BUCKET}/iris"), names.PullReason.NOT_A_MODEL)
    assert f"did you mean s3://{BUCKET}/iris/3 ?" in str(error)


def test_keys_that_may_do_nothing_are_told_what_to_grant(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.POWERLESS_KEY)
    error = refused(chosen, names.PullReason.ACCESS_DENIED)
    assert "AccessDenied" in str(error)
    grant = f"grant s3:ListBucket on arn:aws:s3:::{BUCKET} and s3:GetObject on arn:aws:s3:::{BUCKET}/iris/3/*"
    assert grant in str(error)


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        pytest.param("AWS_ACCESS_KEY_ID", names.PullReason.INVALID_ACCESS_KEY, id="an unknown access key"),
        pytest.param("AWS_SECRET_ACCESS_KEY", names.PullReason.SIGNATURE_MISMATCH, id="a wrong secret key"),
    ],
)
def test_a_wrong_key_is_told_apart(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, variable: str, reason: names.PullReason
) -> None:
    monkeypatch.setenv(variable, "wrong")
    assert f"correct {variable} in the Secret" in str(refused(chosen, reason))


@pytest.mark.parametrize("missing", [["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], ["AWS_SECRET_ACCESS_KEY"]])
def test_missing_credentials_are_told_at_once(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    for variable in missing:
        monkeypatch.delenv(variable)
    began = time.monotonic()
    assert "storage.secretName" in str(refused(chosen, names.PullReason.CREDENTIALS_MISSING))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer",
    [(404, b"404 page not found"), (404, b"<!doctype html><title>MLflow</title>"), (405, b"")],
    ids=["an ingress controller", "a web page", "an empty refusal"],
)
def test_an_endpoint_that_does_not_speak_s3_is_told_from_a_missing_object(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, bytes]
) -> None:
    with httpserver.Server(httpserver.answer(*answer)).running() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        error = refused(chosen, names.PullReason.ENDPOINT_INVALID)
    assert "does not speak S3; correct storage.endpoint" in str(error)


def test_a_metadata_service_that_never_answers_delays_the_error_by_seconds_only(
    chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        refused(chosen, names.PullReason.CREDENTIALS_MISSING)
    assert time.monotonic() - began < 5


def test_an_endpoint_where_nobody_listens_is_named(chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = closed_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", nobody)
    assert nobody in str(refused(chosen, names.PullReason.ENDPOINT_UNREACHABLE))


def test_an_endpoint_that_is_no_url_is_refused(chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "minio:9000")
    assert "storage.endpoint must be a URL" in str(refused(chosen, names.PullReason.ENDPOINT_INVALID))


def test_a_block_goes_on_from_where_the_connection_was_cut(
    chosen: settings.Settings, endpoint: str, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_first_block(request: web.Request) -> bool:
        return request.headers.get("Range") == f"bytes=0-{plan.BLOCK - 1}"

    with httpserver.Proxy(endpoint).running() as proxy:
        proxy.rule(is_first_block, proxy.break_off_after(4_900_000))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        pull.run(of(chosen, source=large), stores.STORES)
    assert (chosen.model_dir / "weights").read_bytes() == LARGE
    ranges = [each.headers["range"] for each in proxy.asked if "range" in each.headers]
    resumed = [int(line.split("=")[1].split("-")[0]) for line in ranges]
    assert len(ranges) == 4
    assert any(4_000_000 < start < 5_000_000 for start in resumed)


def test_answers_that_always_end_early_are_told_as_truncated(
    chosen: settings.Settings, endpoint: str, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with httpserver.Proxy(endpoint).running() as proxy:
        proxy.rule(httpserver.has_in_path("/weights"), proxy.break_off_after(100_000))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        error = refused(of(chosen, source=large), names.PullReason.OBJECT_TRUNCATED)
    assert "large/1/weights" in str(error)


@pytest.mark.parametrize(
    "content",
    [pytest.param(LARGE[::-1], id="by another of the same size"), pytest.param(LARGE[:100], id="by a shorter one")],
)
def test_an_object_that_is_overwritten_during_the_pull_is_told_as_changed(
    chosen: settings.Settings, endpoint: str, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    store(endpoint, "moving/1/", {"MLmodel": b"flavors: {}", "weights": LARGE})

    async def overwrite(_: web.Request) -> None:
        store(endpoint, "moving/1/", {"weights": content})

    with httpserver.Proxy(endpoint).running() as proxy:
        proxy.rule(httpserver.has_in_path("/weights"), overwrite, times=1)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        error = refused(of(chosen, source=f"s3://{BUCKET}/moving/1"), names.PullReason.OBJECT_CHANGED)
    assert "s3://models/moving/1/weights" in str(error)


def test_bytes_that_were_changed_on_the_way_are_noticed(
    chosen: settings.Settings, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with httpserver.Proxy(endpoint).running() as proxy:
        proxy.rule(httpserver.is_any, proxy.rewrite(b"pickle", b"PICKLE"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        error = refused(chosen, names.PullReason.CHECKSUM_MISMATCH)
    assert "s3://models/iris/3/data/model.pkl" in str(error)


def test_a_listing_with_a_key_that_leaves_the_directory_is_refused(
    chosen: settings.Settings, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(endpoint, "evil/1/", {"MLmodel": b"x", "xx/escaped": b"evil"})
    with httpserver.Proxy(endpoint).running() as proxy:
        proxy.rule(httpserver.is_any, proxy.rewrite(b"xx/escaped", b"../escaped"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        error = refused(of(chosen, source=f"s3://{BUCKET}/evil/1"), names.PullReason.SOURCE_INVALID)
    assert "would leave the model's directory" in str(error)


def run_puller(tmp_path: pathlib.Path, source: str, **env: str) -> tuple[int, dict[str, Any]]:
    log = tmp_path / "termination-log"
    given = {
        names.ENV_SOURCE: source,
        names.ENV_MODEL_DIR: str(tmp_path / "model"),
        names.ENV_TERMINATION_LOG: str(log),
    }
    command = [sys.executable, "-m", "podium.puller"]
    done = subprocess.run(
        command, env=os.environ | given | {names.ENV_S3_PATH_STYLE: "true"} | env, timeout=60, check=False
    )
    return done.returncode, json.loads(log.read_text())


def test_the_program_leaves_its_report_as_termination_message_and_ends_at_once_when_started_again(
    tmp_path: pathlib.Path, iris: str
) -> None:
    code, report = run_puller(tmp_path, iris)
    assert (code, report["files"]) == (0, 4)
    assert run_puller(tmp_path, iris, AWS_ENDPOINT_URL_S3="http://127.0.0.1:1") == (0, report)


def test_the_program_fails_with_a_reason_as_termination_message(tmp_path: pathlib.Path, iris: str) -> None:
    code, report = run_puller(tmp_path, "s3://nowhere/x")
    assert (code, report["error"], report["reason"]) == (1, "SourceMissing", "NoSuchBucket")


def test_the_program_refuses_settings_that_it_cannot_use(tmp_path: pathlib.Path, iris: str) -> None:
    code, report = run_puller(tmp_path, iris, **{names.ENV_PULL_RETRIES: "many"})
    assert (code, report["reason"]) == (1, "SettingsInvalid")
    assert "PODIUM_PULL_RETRIES is 'many'" in report["message"]
