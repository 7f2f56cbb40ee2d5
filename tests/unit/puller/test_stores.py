"""The store is chosen by the scheme of the URI; the module of one that is not chosen is not loaded."""

import subprocess
import sys

import pytest

from podium import errors, names
from podium.puller import plan, stores

LOADED = "import sys; from podium.puller import pull, stores; print('boto3' in sys.modules)"


def test_s3_is_the_store_that_is_offered() -> None:
    assert set(stores.STORES) == {"s3"}


def test_a_scheme_without_a_store_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(errors.SourceInvalid, match="only s3://bucket/prefix or folder://bucket/prefix") as caught:
        plan.parse_source("gs://models/iris/3", ["s3", "folder"])
    assert caught.value.reason == names.PullReason.SOURCE_INVALID


def test_the_libraries_of_s3_are_not_loaded_before_it_is_chosen() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
