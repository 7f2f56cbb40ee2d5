"""When a pull tries again and when it gives up."""

import threading

import pytest

from podium import errors, names
from podium.puller import limits

UNREACHABLE = errors.SourceUnreachable(names.PullReason.ENDPOINT_UNREACHABLE, "no")


class Failing:
    """Fails with the given errors, one after the other, then answers."""

    def __init__(self, *failures: errors.PullError) -> None:
        self.failures, self.calls = list(failures), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def test_what_can_be_tried_again_is() -> None:
    attempt = Failing(UNREACHABLE)
    assert limits.Limits(timeout=60, retries=1).retry(attempt) == "answer"
    assert attempt.calls == 2


def test_the_last_error_is_raised_when_no_retry_is_left() -> None:
    attempt = Failing(UNREACHABLE, UNREACHABLE)
    with pytest.raises(errors.SourceUnreachable) as caught:
        limits.Limits(timeout=60, retries=0).retry(attempt)
    assert (caught.value.reason, attempt.calls) == ("EndpointUnreachable", 1)


def test_what_cannot_help_is_not_tried_again() -> None:
    attempt = Failing(errors.SourceDenied(names.PullReason.ACCESS_DENIED, "no"))
    with pytest.raises(errors.SourceDenied):
        limits.Limits(timeout=60, retries=5).retry(attempt)
    assert attempt.calls == 1


def test_the_deadline_ends_a_pull_and_names_the_setting_and_the_last_error() -> None:
    with pytest.raises(errors.SourceUnreachable, match=r"0\.2 s \(puller\.timeout\).*last: no") as caught:
        limits.Limits(timeout=0.2, retries=5).retry(Failing(UNREACHABLE))
    assert caught.value.reason == names.PullReason.TIMED_OUT


def test_a_stopped_pull_starts_no_further_part() -> None:
    bounds, attempt = limits.Limits(timeout=60, retries=5), Failing()
    bounds.stop()
    with pytest.raises(limits.Stopped):
        bounds.retry(attempt)
    assert attempt.calls == 0


def test_pauses_grow_and_stay_between_a_quarter_of_a_second_and_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda _event, seconds: waits.append(seconds))
    limits.Limits(timeout=600, retries=9).retry(Failing(*[UNREACHABLE] * 9))
    longest = [0.5, 1, 2, 4, 8, 16, 20, 20, 20]
    assert [limit / 2 <= wait <= limit for wait, limit in zip(waits, longest, strict=True)] == [True] * 9


def test_a_retry_waits_what_the_server_asks_for_and_a_moment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda _event, seconds: waits.append(seconds))
    busy = errors.SourceUnreachable(names.PullReason.SERVICE_UNAVAILABLE, "later", retry_after=30)
    limits.Limits(timeout=600, retries=1).retry(Failing(busy))
    assert 30.25 <= waits[0] <= 30.5


def test_a_server_that_asks_for_more_than_there_is_time_ends_the_pull_at_once() -> None:
    busy = errors.SourceUnreachable(names.PullReason.SERVICE_UNAVAILABLE, "later", retry_after=3600)
    with pytest.raises(errors.SourceUnreachable, match="last: later"):
        limits.Limits(timeout=60, retries=5).retry(Failing(busy))


def test_the_watchdog_ends_what_checks_nothing() -> None:
    ended = threading.Event()
    limits.start_watchdog(0.1, ended.set)
    assert ended.wait(5)
