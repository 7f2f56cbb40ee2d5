"""Whoami: who this process is to the API server, which has authenticated it."""

from typing import Any

from podium import errors
from podium.kube import session
from podium.registry.model import entities

BY_KUBERNETES = "kubernetes"
"""Actor.via of a name that the API server itself has authenticated."""
_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def whoami(connection: session.Session) -> entities.Actor:
    """Who the API server takes this process for. Raises Forbidden, and Unavailable when it does not answer."""
    try:
        answer = connection.request("POST", _REVIEWS, body=_REVIEW)
    except errors.KubeForbidden as error:
        raise errors.Forbidden(
            "the API server does not say who you are: grant the verb 'create' on resource 'selfsubjectreviews' of "
            f"authentication.k8s.io, as the ClusterRole system:basic-user does ({error})"
        ) from error
    except errors.KubeError as error:
        raise errors.Unavailable(f"the API server does not say who you are: {error}") from error
    return entities.Actor(_parse_user_name(answer), BY_KUBERNETES, verified=True)


def of_context(context: str | None = None) -> entities.Actor:
    """As `whoami`, by this context of the kubeconfig or the configuration in force."""
    try:
        connection = session.Session.connect(context)
    except errors.KubeUnavailable as error:
        raise errors.Unavailable(str(error)) from error
    return whoami(connection)


def _parse_user_name(answer: dict[str, Any]) -> str:
    match answer:
        case {"status": {"userInfo": {"username": str(name)}}} if name:
            return name
    raise errors.Unavailable(f"the API server does not say who you are: its answer names no user: {str(answer)[:200]}")
