"""An alias move under load, measured: what the demo prints and the tests assert."""

import dataclasses
import time
from collections.abc import Callable

import loadgen
from demo import phases


@dataclasses.dataclass(frozen=True)
class Move:
    """What was seen of one move; instants are monotonic seconds."""

    before: str
    after: str
    called: float
    """When the alias was moved in the registry."""
    returned: float
    """When that call returned."""
    switched: float | None
    """When the operator was seen to begin the switch: every pod of the new version was Ready."""
    result: loadgen.Result

    @property
    def call_to_ready(self) -> float | None:
        """Seconds from the alias call until the new version was Ready and the switch began."""
        return None if self.switched is None else self.switched - self.called

    @property
    def switch_to_first_answer(self) -> float | None:
        """Seconds from the beginning of the switch to the new version's first answer."""
        first = self.result.first_after(self.after, self.called)
        return None if first is None or self.switched is None else self.called + first - self.switched

    def describe(self) -> list[str]:
        """The figures as lines for a reader."""
        spans = self.result.versions
        figures = {
            "answered before the move": f"version {self.before} ({_count(spans, self.before)} answers)",
            "answered after the move": f"version {self.after} ({_count(spans, self.after)} answers)",
            "alias call, itself": _seconds(self.returned - self.called),
            "alias call to first answer by the new version": _seconds(self.result.first_after(self.after, self.called)),
            "alias call to last answer by the old version": _seconds(self.result.last_after(self.before, self.called)),
            "alias call to new version Ready": _seconds(self.call_to_ready),
            "switch to first answer by the new version": _seconds(self.switch_to_first_answer),
            "requests sent": f"{self.result.sent}, {self.result.sent_since(self.called)} of them after the alias call",
            "requests failed": f"{self.result.failed}",
        }
        if self.result.failed:
            figures["failures"] = self.result.describe_failures()
        return [f"{name + ':':48} {figure}" for name, figure in figures.items()]


def under_load(
    load: loadgen.Load,
    watched: phases.Phases,
    versions: tuple[str, str],
    set_alias: Callable[[], None],
    timeout: float,
) -> Move:
    """Moves the alias from the first of two versions to the second, and waits until the switch is complete.

    Raises TimeoutError where it does not complete in `timeout` seconds.
    """
    before, after = versions
    load.wait_for_version(before, time.monotonic(), timeout=30)
    called = time.monotonic()
    set_alias()
    returned = time.monotonic()
    watched.wait_completed(after, called, timeout)
    load.wait_for_version(after, called, timeout=30)
    return Move(before, after, called, returned, watched.switched(after, called), load.result)


def finished(move: Move, load: loadgen.Load) -> Move:
    """The same move with all answers of a load that went on after it."""
    return dataclasses.replace(move, result=load.result)


def _count(spans: dict[str, loadgen.Span], version: str) -> int:
    return spans[version].count if version in spans else 0


def _seconds(value: float | None) -> str:
    if value is None:
        return "not seen"
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
