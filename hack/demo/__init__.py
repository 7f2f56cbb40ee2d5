"""The demonstration: plain MLflow moves an alias, and live traffic moves on a real Kubernetes. `make demo` runs it."""
