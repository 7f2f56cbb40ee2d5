"""registry/audit."""
