"""The cluster that tests of a rollout begin with."""

import pytest

from tests.unit.rollout import simulator


@pytest.fixture
def cluster() -> simulator.Cluster:
    """Version 1 is served."""
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.designate(1)
    cluster.settle()
    assert cluster.status.served is not None
    assert cluster.status.served.version == 1
    return cluster
