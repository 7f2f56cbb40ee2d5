"""Logs: one line of JSON each, with what is being worked on."""

import asyncio
import collections.abc
import datetime
import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.process import logs

_log = logging.getLogger("podium.test")


def formatted(message: str, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("podium.test", logging.WARNING, __file__, 1, message, (), **{"exc_info": None, **more})
    parsed: dict[str, Any] = json.loads(logs.Formatter().format(record))
    return parsed


@pytest.fixture
def lines() -> collections.abc.Iterator[collections.abc.Callable[[], list[dict[str, Any]]]]:
    """What is logged while the operator's configuration holds."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    for handler in before:
        root.removeHandler(handler)
    stream = io.StringIO()
    logs.configure("info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


def test_a_line_has_time_level_logger_and_message() -> None:
    line = formatted("said")
    assert (line["level"], line["logger"], line["message"]) == ("warning", "podium.test", "said")
    time = datetime.datetime.fromisoformat(line["time"])
    assert line["time"].endswith("Z")
    assert time.utcoffset() == datetime.timedelta(0)
    assert abs(datetime.datetime.now(datetime.UTC) - time) < datetime.timedelta(seconds=10)


@settings(max_examples=50)
@given(message=st.text())
def test_any_message_is_one_line(message: str) -> None:
    record = logging.LogRecord("podium.test", logging.INFO, __file__, 1, message, (), None)
    line = logs.Formatter().format(record)
    assert len(line.split("\n")) == 1
    assert json.loads(line)["message"] == message


def test_korean_stays_readable() -> None:
    record = logging.LogRecord("podium.test", logging.INFO, __file__, 1, "모델", (), None)
    assert "모델" in logs.Formatter().format(record)


def test_bound_fields_are_on_every_line_inside_and_on_none_after(lines: Any) -> None:
    with logs.bound(controller="ModelAlias", namespace="shop", name="champion"):
        with logs.bound(reconcileID="1"):
            logs.bind(generation=7)
            _log.info("inside")
        _log.info("outer")
    _log.info("after")
    inside, outer, after = lines()
    assert (
        inside.items() >= {"controller": "ModelAlias", "name": "champion", "reconcileID": "1", "generation": 7}.items()
    )
    assert outer["name"] == "champion"
    assert not {"reconcileID", "generation"} & outer.keys()
    assert "controller" not in after


async def test_tasks_do_not_see_each_others_fields(lines: Any) -> None:
    async def worker(name: str) -> None:
        with logs.bound(name=name):
            await asyncio.sleep(0)
            _log.info("from %s", name)

    await asyncio.gather(worker("a"), worker("b"))
    assert [(line["name"], line["message"]) for line in lines()] == [("a", "from a"), ("b", "from b")]


def test_an_exception_is_on_the_same_line(lines: Any) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        _log.exception("it failed")
    [line] = lines()
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("ValueError: broken")


def test_what_is_below_the_level_is_left_out(lines: Any) -> None:
    _log.debug("quiet")
    logging.getLogger("kopf.objects").info("quiet as well")
    assert lines() == []


def test_reconcile_ids_differ() -> None:
    assert logs.new_id() != logs.new_id()
