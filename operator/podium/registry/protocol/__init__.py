"""registry/protocol."""
