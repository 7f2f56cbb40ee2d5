"""CLI: the command `podium`."""
