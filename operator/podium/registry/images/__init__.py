"""registry/images."""
