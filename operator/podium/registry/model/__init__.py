"""registry/model."""
