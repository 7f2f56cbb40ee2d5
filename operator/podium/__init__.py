"""Podium: the Kubernetes operator that makes the MLflow model registry the control plane for serving."""
