"""What a ModelVersion becomes: pure functions from its spec, its source and what is observed to objects and status."""
