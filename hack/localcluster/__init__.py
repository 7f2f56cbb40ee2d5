"""A real Kubernetes on this machine, for the tests and the demo, with or without a container engine.

Where a Docker engine answers, the cluster is kind's; otherwise it is a list of components that run as ordinary
processes (`components/`). It is run as ``python3 hack/localcluster up`` and needs only the standard library, since it
has to work before a virtual environment exists.
"""
