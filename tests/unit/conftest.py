"""Makes the profile known that `make unit` asks Hypothesis for."""

from tests.support import effort

__all__ = ["effort"]
