"""What the operator's process takes: memory at size, and what a restart does (bench/README.md)."""
