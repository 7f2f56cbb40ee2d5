"""The puller's settings."""

import pathlib

import pytest

from podium import errors, names
from podium.puller import settings

SOURCE = {"PODIUM_SOURCE": "s3://models/iris/3"}


def test_a_source_alone_gives_what_a_pod_needs() -> None:
    assert settings.from_environment(SOURCE) == settings.Settings(
        source="s3://models/iris/3",
        model_dir=pathlib.Path("/model"),
        timeout=600.0,
        retries=5,
        expected_digest=None,
        region="us-east-1",
        path_style=False,
    )


def test_every_variable_is_read() -> None:
    env = {
        "PODIUM_PULL_TIMEOUT": "1.5",
        "PODIUM_PULL_RETRIES": "0",
        "AWS_REGION": "eu-1",
        "PODIUM_S3_PATH_STYLE": "True",
    }
    found = settings.from_environment(SOURCE | env)
    assert (found.timeout, found.retries, found.region, found.path_style) == (1.5, 0, "eu-1", True)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "PODIUM_SOURCE is '': write the artifact's location"),
        (SOURCE | {"PODIUM_PULL_TIMEOUT": "soon"}, "PODIUM_PULL_TIMEOUT is 'soon': write a number of 0 or more"),
        (SOURCE | {"PODIUM_PULL_RETRIES": "-1"}, "PODIUM_PULL_RETRIES is '-1': write a number of 0 or more"),
        (SOURCE | {"PODIUM_PULL_TIMEOUT": "inf"}, "PODIUM_PULL_TIMEOUT is 'inf'"),
        (SOURCE | {"AWS_CA_BUNDLE": "/nowhere/ca.crt"}, "create what storage.caBundle names, with this key"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(env: dict[str, str], said: str) -> None:
    with pytest.raises(errors.SourceInvalid) as caught:
        settings.from_environment(env)
    assert said in str(caught.value)
    assert caught.value.reason == names.PullReason.SETTINGS_INVALID


@pytest.mark.parametrize(("content", "found"), [("sha256:00\n", "sha256:00"), ("", None), (None, None)])
def test_the_expected_digest_is_in_a_file_that_need_not_be_there(
    tmp_path: pathlib.Path, content: str | None, found: str | None
) -> None:
    file = tmp_path / "digest"
    if content is not None:
        file.write_text(content)
    env = SOURCE | {"PODIUM_EXPECTED_DIGEST_FILE": str(file)}
    assert settings.from_environment(env).expected_digest == found


def test_last_words_go_where_the_environment_says() -> None:
    assert settings.termination_log({}) == pathlib.Path("/dev/termination-log")
    assert settings.termination_log({"PODIUM_TERMINATION_LOG": "/tmp/x"}) == pathlib.Path("/tmp/x")


@pytest.mark.parametrize(
    ("env", "endpoint", "by_path"),
    [
        pytest.param({}, "", False, id="none: Amazon S3"),
        pytest.param({"AWS_ENDPOINT_URL_S3": "http://a", "AWS_ENDPOINT_URL": "http://b"}, "http://a", True, id="S3's"),
        pytest.param({"AWS_ENDPOINT_URL": "http://b"}, "http://b", True, id="of all services"),
        pytest.param({"MLFLOW_S3_ENDPOINT_URL": "http://minio:9000"}, "http://minio:9000", True, id="MLflow's"),
        pytest.param({"AWS_S3_ENDPOINT": "minio:9000"}, "https://minio:9000", True, id="Open Data Hub's, no scheme"),
        pytest.param(
            {"AWS_S3_ENDPOINT": "https://s3.eu-1.amazonaws.com/"},
            "https://s3.eu-1.amazonaws.com/",
            False,
            id="Amazon's in a data connection",
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL": "http://b", "PODIUM_S3_PATH_STYLE": "false"}, "http://b", False, id="as it is written"
        ),
    ],
)
def test_the_endpoint_of_a_secret_is_read_under_the_names_that_secrets_have(
    env: dict[str, str], endpoint: str, by_path: bool
) -> None:
    found = settings.from_environment(SOURCE | env)
    assert (found.endpoint, found.path_style) == (endpoint, by_path)


@pytest.mark.parametrize(
    ("env", "keys"),
    [
        ({"accesskey": "a", "secretkey": "s"}, ("a", "s")),
        ({"accessKey": "a", "secretKey": "s"}, ("a", "s")),
        ({"access_key_id": "a", "secret-access-key": "s"}, ("a", "s")),
        ({"accesskey": "a", "secretkey": "s", "AWS_ACCESS_KEY_ID": "b", "AWS_SECRET_ACCESS_KEY": "t"}, ("", "")),
        ({"accesskey": "", "secretkey": ""}, ("", "")),
    ],
)
def test_keys_under_minios_names_are_read_where_amazons_are_missing(env: dict[str, str], keys: tuple[str, str]) -> None:
    found = settings.from_environment(SOURCE | env)
    assert (found.access_key, found.secret_key) == keys


def test_settings_never_show_a_secret_key() -> None:
    assert "geheim" not in repr(settings.from_environment(SOURCE | {"accesskey": "a", "secretkey": "geheim"}))
