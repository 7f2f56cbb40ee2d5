"""Sync: an existing MLflow server's registered models, mirrored into a registry."""
