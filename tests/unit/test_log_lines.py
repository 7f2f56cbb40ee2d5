"""All programs of Podium log under the same keys."""

import collections.abc
import io
import json
import logging
import sys
from typing import Any

import pytest

from podium import log_lines
from podium.process import logs as process_logs
from podium.puller import report
from podium.serving import logs as serving_logs

KEYS = ["time", "level", "logger", "message"]


@pytest.fixture
def root() -> collections.abc.Iterator[logging.Logger]:
    """The root logger, whose handlers are given back."""
    found = logging.getLogger()
    before, level = found.handlers[:], found.level
    for handler in before:
        found.removeHandler(handler)
    yield found
    logging.captureWarnings(False)
    found.handlers[:] = before
    found.setLevel(level)


def log_in_process(stream: io.StringIO) -> None:
    process_logs.configure("info", stream)
    log_failure()


def log_in_server(stream: io.StringIO) -> None:
    serving_logs.configure(model="iris", version="1")
    log_failure()


def log_failure() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("podium.test").exception("it failed")


def log_in_puller(stream: io.StringIO) -> None:
    report.log("it failed", "error", error="ValueError: broken")


@pytest.mark.parametrize("write", [log_in_process, log_in_server, log_in_puller])
def test_every_program_has_the_same_keys(
    write: collections.abc.Callable[[io.StringIO], None], root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    write(stream)
    [line] = map(json.loads, stream.getvalue().splitlines())
    assert list(line)[:4] == KEYS
    assert line["time"].endswith("Z")
    assert (line["level"], line["message"]) == ("error", "it failed")
    assert line["error"].endswith("ValueError: broken")


def test_the_servers_lines_say_whose_model_they_are_about(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    serving_logs.configure(model="iris", version="1")
    logging.getLogger("podium.test").info("said")
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (line["model"], line["version"]) == ("iris", "1")
    assert isinstance(line["pid"], int)


@pytest.mark.parametrize("text", ["모델", "half of a pair: \ud83d", "two\nlines", "\x00"])
def test_any_text_is_one_line_that_can_be_written_and_read(text: str) -> None:
    line = log_lines.build_line(0, "info", "podium", text, {"source": text})
    line.encode()
    assert len(line.splitlines()) == 1
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "logger": "podium",
        "message": text,
        "source": text,
    }
