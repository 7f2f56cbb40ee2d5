"""The plan: which files a listing becomes, and what is refused before a byte moves."""

import pathlib

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import errors, names
from podium.puller import plan

SCHEMES = ("s3",)
SOURCE = plan.parse_source("s3://models/iris/3", SCHEMES)


def stored(path: str, size: int = 1) -> plan.StoredObject:
    return plan.StoredObject(SOURCE.prefix + path, size, "etag")


def test_a_uri_names_bucket_and_prefix() -> None:
    assert plan.parse_source("s3://models/iris/3/", SCHEMES) == plan.Source("s3", "models", "iris/3/")


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [
        pytest.param("s3://models//iris//3", "models", "/iris//3/", id="slashes of the key"),
        pytest.param("s3a://models/iris", "models", "iris/", id="Hadoop's name"),
        pytest.param("s3n://models/iris", "models", "iris/", id="Hadoop's old name"),
        pytest.param("s3://My_Bucket/iris", "My_Bucket", "iris/", id="a name of before 2018"),
        pytest.param("s3://models/a b+c%20é", "models", "a b+c%20é/", id="what looks encoded and is not"),
        pytest.param(
            "s3://arn:aws:s3:eu-1:123456789012:accesspoint/ap/iris/3",
            "arn:aws:s3:eu-1:123456789012:accesspoint:ap",
            "iris/3/",
            id="an access point",
        ),
        pytest.param(
            "s3://arn:aws:s3:eu-1:123456789012:accesspoint:ap/iris",
            "arn:aws:s3:eu-1:123456789012:accesspoint:ap",
            "iris/",
            id="an access point, by a colon",
        ),
    ],
)
def test_a_uri_names_the_key_that_mlflow_reads(uri: str, bucket: str, prefix: str) -> None:
    assert plan.parse_source(uri, SCHEMES) == plan.Source("s3", bucket, prefix)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        pytest.param("s3://models", "names no prefix", id="a whole bucket"),
        pytest.param("s3://models///", "names no prefix", id="an empty prefix"),
        pytest.param("s3:///iris", "names no prefix", id="no bucket"),
        pytest.param("https://models/iris", "only s3://bucket/prefix", id="another scheme"),
        pytest.param("models/iris", "only s3://bucket/prefix", id="no scheme"),
        pytest.param("s3://key@models/iris", "more parts than bucket and prefix", id="credentials in it"),
        pytest.param("s3://models/iris?versionId=1", "more parts than bucket and prefix", id="a query"),
        pytest.param("s3://models/iris#3", "MLflow reads nothing after", id="a fragment"),
        pytest.param("s3://[models/iris", "is no URI", id="brackets"),
        pytest.param("s3://arn:aws:s3:eu-1:123456789012:accesspoint/ap", "names no prefix", id="a whole access point"),
    ],
)
def test_a_uri_that_cannot_be_pulled_is_refused_with_what_to_write(uri: str, said: str) -> None:
    with pytest.raises(errors.SourceInvalid, match=said) as caught:
        plan.parse_source(uri, SCHEMES)
    assert caught.value.reason == names.PullReason.SOURCE_INVALID


def test_a_plan_holds_every_object_but_directory_markers_sorted_by_path() -> None:
    planned = plan.build_plan(SOURCE, [stored("data/model.pkl", 5), stored("MLmodel", 2), stored("data/", 0)])
    assert [file.path for file in planned.files] == ["MLmodel", "data/model.pkl"]
    assert planned.bytes == 7


@pytest.mark.parametrize(
    "path",
    [
        "../MLmodel",
        "data/../../x",
        "..",
        "./x",
        "a//b",
        "/etc/passwd",
        "data/.",
        ".podium/finished.json",
        "a\0b",
        "x" * 256,
    ],
)
def test_a_key_that_would_leave_the_directory_or_fits_no_file_system_is_refused(path: str) -> None:
    with pytest.raises(errors.SourceInvalid):
        plan.build_plan(SOURCE, [stored("MLmodel"), stored(path)])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a/../../x", "would leave the model's directory"),
        ("code//util.py", "a part of its path that is empty or '.'"),
        ("data/.", "a part of its path that is empty or '.'"),
        ("data/", "a part of its path that is empty or '.'"),
        (".podium/x", "which is the puller's own"),
        ("a\0b", "a character that no file's name can have"),
        ("a\ud800", "a character that no file's name can have"),
        ("é" * 128, "a name of more than 255 bytes"),
    ],
)
def test_a_key_that_cannot_be_a_file_is_named_as_what_it_is(path: str, said: str) -> None:
    with pytest.raises(errors.SourceInvalid) as caught:
        plan.build_plan(SOURCE, [stored("MLmodel"), stored(path)])
    assert said in str(caught.value)
    assert repr(SOURCE.build_uri(SOURCE.prefix + path)) in str(caught.value)


def test_an_object_that_is_also_a_directory_is_refused() -> None:
    with pytest.raises(errors.SourceInvalid, match="both an object and a directory"):
        plan.build_plan(SOURCE, [stored("MLmodel"), stored("data"), stored("data/model.pkl")])


def test_an_artifact_without_mlmodel_is_refused_with_what_was_found_and_where_it_may_be() -> None:
    with pytest.raises(
        errors.SourceMissing, match=r"found model/MLmodel, model/x; did you mean s3://.*/3/model \?"
    ) as caught:
        plan.build_plan(SOURCE, [stored("model/MLmodel"), stored("model/x")])
    assert caught.value.reason == names.PullReason.NOT_A_MODEL


def test_nothing_below_the_prefix_is_told_apart() -> None:
    with pytest.raises(errors.SourceMissing, match="nothing is stored below s3://models/iris/3/") as caught:
        plan.build_plan(SOURCE, [])
    assert caught.value.reason == names.PullReason.NO_SUCH_KEY


@hypothesis.given(st.lists(st.text(st.sampled_from("a./\\\0é "), max_size=12), max_size=6))
def test_no_listing_makes_a_plan_that_writes_outside_of_the_directory(paths: list[str]) -> None:
    root = pathlib.PurePosixPath("/model/staging")
    try:
        planned = plan.build_plan(SOURCE, [stored(path) for path in {*paths, "MLmodel"}])
    except errors.PullError:
        return
    for file in planned.files:
        assert (root / file.path).is_relative_to(root)
        assert not {"..", "."} & set(file.path.split("/"))
        assert str(root / file.path) == f"{root}/{file.path}"


def test_a_block_has_the_size_that_digests_were_always_made_with() -> None:
    assert plan.BLOCK == 16_777_216


@hypothesis.given(st.integers(0, 5 * plan.BLOCK))
def test_blocks_cover_a_file_once_and_in_order(size: int) -> None:
    end = 0
    for number, block in enumerate(plan.blocks(size)):
        assert (block.number, block.offset) == (number, end)
        assert 0 < block.length <= plan.BLOCK
        end += block.length
    assert end == size
