"""The errors of the local cluster; every message says what is missing and what to do.

ClusterError
├── CommandFailed       a program ended with a non-zero status
├── RequirementMissing  the machine lacks something (root, Linux, a Debian package)
├── NotReady            a component did not become ready in time, or died
└── ForeignCluster      the kubeconfig in force was not made here
"""


class ClusterError(Exception):
    """Base of everything that the local cluster raises on purpose."""


class CommandFailed(ClusterError):
    """A program ended with a non-zero status; the message holds its last lines."""


class RequirementMissing(ClusterError):
    """The machine lacks something that the cluster needs."""


class NotReady(ClusterError):
    """A component did not become ready in time, or died while it was waited for."""


class ForeignCluster(ClusterError):
    """A cluster that was not made here is refused, so that no test ever touches somebody's real one."""
