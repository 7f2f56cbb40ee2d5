"""How much of what is random or exhaustive is tried: all of it, or a sample where seconds count (`make unit`).

The sample is asked for by pytest's option `--hypothesis-profile=sample`. It repeats less and asserts the same.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")
SAMPLE = "sample"
_ONE_OF = 6

settings.register_profile(SAMPLE, max_examples=100 // _ONE_OF)


def is_sample() -> bool:
    """Whether a sample is enough."""
    return settings.get_current_profile_name() == SAMPLE


def examples(count: int) -> int:
    """How many examples of a test that tries so many when it tries all."""
    return max(5, count // _ONE_OF) if is_sample() else count


def cases(every: Sequence[T]) -> Sequence[T]:
    """All of them, or some from everywhere among them."""
    return every[::_ONE_OF] if is_sample() else every
