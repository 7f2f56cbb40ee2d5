"""The rules of a loop that lists and watches: where it goes on, when it lists again, how long it waits."""

import time

import pytest

from podium import errors
from podium.kube import listwatch

GONE = errors.KubeGone(410, "Expired", "too old")
BROKEN = errors.KubeUnavailable(0, "Unreachable", "connection reset")


@pytest.fixture
def cursor() -> listwatch.Cursor:
    return listwatch.Cursor(0.5, 30)


@pytest.fixture
def watching(cursor: listwatch.Cursor) -> listwatch.Cursor:
    """A loop that has its list, and has seen one event since."""
    cursor.begin()
    cursor.take_list("10")
    cursor.take_event("11")
    return cursor


def test_a_loop_begins_with_a_list_and_goes_on_where_it_ended(cursor: listwatch.Cursor) -> None:
    assert cursor.needs_list
    cursor.begin()
    cursor.take_list("10")
    assert (cursor.needs_list, cursor.position, cursor.seen) == (False, "10", 10)
    cursor.take_event("12")
    assert (cursor.position, cursor.seen) == ("12", 12)


def test_a_watch_that_breaks_goes_on_where_it_was(watching: listwatch.Cursor) -> None:
    watching.fail(BROKEN)
    assert (watching.needs_list, watching.position, watching.failure) == (False, "11", "connection reset")


def test_what_is_too_old_is_no_failure_and_has_the_list_read_again(watching: listwatch.Cursor) -> None:
    watching.fail(GONE)
    assert (watching.needs_list, watching.failure) == (True, None)
    assert watching.seen == 11, "what was seen stays seen until the list replaces it"


def test_after_three_tries_that_brought_nothing_the_list_is_read_again(watching: listwatch.Cursor) -> None:
    needed = []
    for _ in range(listwatch.LIST_AFTER_FAILURES):
        watching.begin()
        watching.fail(BROKEN)
        watching.compute_delay()
        needed.append(watching.needs_list)
    assert needed == [False, False, True]


def test_the_wait_grows_with_each_try_that_brings_nothing_and_is_none_after_an_event(cursor: listwatch.Cursor) -> None:
    for least, most in ((0.25, 0.5), (0.5, 1), (1, 2)):
        cursor.begin()
        cursor.fail(BROKEN)
        assert least <= cursor.compute_delay() <= most
    cursor.begin()
    cursor.take_list("10")
    assert cursor.compute_delay() > 0, "a list alone is not what a watch brings"
    cursor.take_event("11")
    assert cursor.compute_delay() == 0


def test_a_failure_lasts_until_the_watch_works(cursor: listwatch.Cursor) -> None:
    cursor.fail(BROKEN)
    cursor.begin()
    cursor.take_list("10")
    assert cursor.failure == "connection reset"
    cursor.take_event("10")
    assert cursor.failure is None


@pytest.mark.parametrize(("asked", "is_fruitful"), [(0.02, True), (60.0, False)], ids=["it lasted", "it ended at once"])
def test_a_watch_that_lasted_has_missed_nothing_although_nothing_came(
    cursor: listwatch.Cursor, asked: float, is_fruitful: bool
) -> None:
    cursor.begin()
    cursor.take_list("10")
    before = cursor.heard_at
    time.sleep(0.03)
    cursor.take_end(asked)
    assert cursor.heard_at > before
    assert (cursor.compute_delay() == 0) == is_fruitful


def test_a_resource_that_is_absent_is_looked_for_by_a_list_and_is_no_failure(watching: listwatch.Cursor) -> None:
    watching.fail(BROKEN)
    watching.begin()
    watching.take_absence()
    assert (watching.needs_list, watching.failure, watching.compute_delay()) == (True, None, 0)


def test_who_tries_again_and_again_is_silent_but_does_not_stand_still(watching: listwatch.Cursor) -> None:
    time.sleep(0.03)
    watching.begin()
    assert watching.measure_silence() >= 0.03
    assert watching.measure_standstill() < 0.03
    time.sleep(0.03)
    watching.take_page()
    assert watching.measure_standstill() < 0.03


def test_a_page_says_where_the_next_one_is_and_where_a_watch_goes_on() -> None:
    answer = {"items": [{"a": 1}], "metadata": {"resourceVersion": "7", "continue": "token"}}
    assert listwatch.parse_page(answer) == ([{"a": 1}], "7", "token")
    assert listwatch.parse_page({"items": None, "metadata": {"resourceVersion": "7"}}) == ([], "7", "")


def test_a_watch_asks_for_bookmarks_and_a_whole_number_of_seconds() -> None:
    assert listwatch.build_watch_query("a=b", "7", 14.6) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "labelSelector": "a=b",
        "resourceVersion": "7",
        "timeoutSeconds": "15",
    }


def test_pages_become_larger_only_as_far_as_what_came_allows() -> None:
    sizes, items, size = [], 0, 0
    for each in (1_000, 1_000, 1_000, 1_000, 1_000_000, 1_000_000, 1_000):
        sizes.append(listwatch.choose_page_size(sizes[-1] if sizes else 0, items, size))
        items, size = sizes[-1], sizes[-1] * each
    assert sizes == [8, 32, 128, 500, 500, 1, 1]
    assert listwatch.choose_page_size(0, 0, 0, 3) == 3
    assert listwatch.choose_page_size(8, 0, 0) == 32
