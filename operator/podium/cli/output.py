"""Output: tables for people, JSON for programs, progress on the error stream."""

import json
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import click

from podium import texts
from podium.registry.model import entities

_TERMINAL_SECONDS = 0.1
_LOG_SECONDS = 5.0


def show_json(value: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def count(number: int, noun: str) -> str:
    """``count(1, "model")`` is ``"1 model"``, ``count(2, "model")`` is ``"2 models"``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose columns are as wide as their widest cell."""
    for line in format_table(titles, rows):
        click.echo(line)


def format_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; a row of a single cell is an indented line below the row before."""
    cells = [[escape(cell) for cell in row] for row in rows]
    full = [list(titles), *(row for row in cells if len(row) > 1)]
    widths = [max(map(_measure_width, column)) for column in zip(*full, strict=True)]
    for row in [list(titles), *cells]:
        if len(row) == 1:
            yield f"    {row[0]}"
        else:
            padded = [cell + " " * (width - _measure_width(cell)) for cell, width in zip(row, widths, strict=True)]
            yield "  ".join(padded).rstrip()


def escape(text: str) -> str:
    """The text with everything escaped that is not printable, such as line breaks and control sequences."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def format_time(time_ms: int) -> str:
    """A time in UTC to the second, as a table shows it."""
    text = texts.format_time(time_ms)
    return text[:19].replace("T", " ") if isinstance(text, str) else str(text)


def describe_actor(actor: entities.Actor) -> str:
    """Who did it, by which way that is known, and whether it is verified."""
    via = ", ".join(part for part in (actor.via, "" if actor.verified else "unverified") if part)
    return f"{actor.user or 'unknown'} ({via})" if via else actor.user or "unknown"


def tell(text: str) -> None:
    """A line on the error stream, apart from the result that programs read."""
    click.echo(text, err=True)


class Progress:
    """The progress of a long command, on the error stream: one changing line on a terminal, else a line every 5 s."""

    def __init__(self, doing: str, total: int) -> None:
        self._doing, self._total, self._done = doing, total, 0
        self._is_terminal = sys.stderr.isatty()
        self._shown_at = time.monotonic()
        self._is_shown = False

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._shown_at >= (_TERMINAL_SECONDS if self._is_terminal else _LOG_SECONDS):
            self._shown_at = now
            line = f"{self._doing}: {self._done} of {count(self._total, 'model')}"
            click.echo(f"\r{line}" if self._is_terminal else line, err=True, nl=not self._is_terminal)
            self._is_shown = self._is_terminal

    def close(self) -> None:
        """Leave the terminal's line clean for what follows."""
        if self._is_shown:
            click.echo("\r\033[K", err=True, nl=False)
            self._is_shown = False


def _measure_width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(_count_columns(character) for character in text)


def _count_columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
