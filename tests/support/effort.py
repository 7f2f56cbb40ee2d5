"""How much of what is random or exhaustive is tried: all of it, a sample where seconds count (`make unit`), or more.

Pytest's option `--hypothesis-profile=sample` asks for less, `--hypothesis-profile=soak` (`make soak`) for more. Both
assert the same.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")
SAMPLE, SOAK = "sample", "soak"
_ONE_OF = 6
_MORE = 10

settings.register_profile(SAMPLE, max_examples=100 // _ONE_OF)
settings.register_profile(SOAK, max_examples=100 * _MORE)


def is_sample() -> bool:
    """Whether a sample is enough."""
    return settings.get_current_profile_name() == SAMPLE


def examples(count: int) -> int:
    """How many examples of a test that tries so many when it tries all."""
    if is_sample():
        return max(5, count // _ONE_OF)
    return count * _MORE if settings.get_current_profile_name() == SOAK else count


def cases(every: Sequence[T]) -> Sequence[T]:
    """All of them, or some from everywhere among them."""
    return every[::_ONE_OF] if is_sample() else every
