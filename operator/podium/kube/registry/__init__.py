"""kube/registry."""
