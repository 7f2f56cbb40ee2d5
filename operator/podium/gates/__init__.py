"""Gates: what a version must meet before an alias may designate it, decided by pure functions."""
