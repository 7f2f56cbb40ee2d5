"""What the puller leaves as its termination message."""

import json

import hypothesis
import hypothesis.strategies as st

from podium import errors, names
from podium.puller import report


def test_a_success_tells_digest_bytes_files_and_seconds() -> None:
    assert json.loads(report.format_success(report.Success("sha256:00", 7, 2, 0.5))) == {
        "digest": "sha256:00",
        "bytes": 7,
        "files": 2,
        "seconds": 0.5,
    }


def test_a_failure_tells_error_reason_and_message() -> None:
    error = errors.SourceDenied(names.PullReason.ACCESS_DENIED, "s3://b/p/: AccessDenied: no")
    assert json.loads(report.format_failure(error)) == {
        "error": "SourceDenied",
        "reason": "AccessDenied",
        "message": "s3://b/p/: AccessDenied: no",
    }


def test_a_fault_of_the_puller_itself_is_reported_as_one() -> None:
    found = json.loads(report.format_failure(KeyError("x")))
    assert (found["reason"], found["message"]) == ("InternalError", "KeyError: 'x'")


@hypothesis.given(st.text(min_size=0, max_size=9000) | st.integers(3900, 9000).map("é".__mul__))
def test_a_report_is_whole_json_and_never_longer_than_kubernetes_keeps(message: str) -> None:
    text = report.format_failure(errors.SourceMissing(names.PullReason.NO_SUCH_KEY, message))
    assert len(text.encode()) <= names.TERMINATION_LOG_LIMIT
    assert message.startswith(json.loads(text)["message"].removesuffix("…"))
