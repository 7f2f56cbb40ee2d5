"""Workspaces: a registry is one namespace, and one namespace is all that a store serves.

Why a tracking server with several workspaces is refused: docs/mlflow-differences.md.
"""

from mlflow.utils import workspace_context, workspace_utils

from podium import errors

DEFAULT: str = workspace_utils.DEFAULT_WORKSPACE_NAME


def check_default() -> None:
    """Raises NotOffered for a call that asks for another workspace."""
    asked = workspace_context.get_request_workspace()
    if asked and asked != DEFAULT:
        raise errors.NotOffered(
            f"workspace {asked!r} is not offered: a registry is one namespace. Use the registry of another team by its "
            "own address, configmap://NAMESPACE"
        )
