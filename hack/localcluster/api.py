"""Reading from the API server as the administrator, with the standard library alone."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from localcluster import certificates, layout


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a health address answers 200 within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def trust(places: layout.Layout) -> ssl.SSLContext:
    """A TLS context that trusts the cluster's authority and shows the administrator's certificate."""
    context = ssl.create_default_context(cafile=places.certificates / "ca.crt")
    context.load_cert_chain(
        places.certificates / f"{certificates.ADMIN}.crt", places.certificates / f"{certificates.ADMIN}.key"
    )
    return context


def own_certificate() -> ssl.SSLContext:
    """For health addresses on loopback, which a component serves under a certificate it signed itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def url(path: str) -> str:
    return f"https://{layout.NODE_ADDRESS}:{layout.API_PORT}{path}"


def get(places: layout.Layout, path: str) -> dict[str, Any] | None:
    """One object or list by its path; None if the server does not answer or does not have it."""
    try:
        with urllib.request.urlopen(url(path), timeout=5, context=trust(places)) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except (OSError, urllib.error.URLError):
        return None


def has_condition(thing: dict[str, Any] | None, kind: str) -> bool:
    """Whether an object's status says that the condition holds."""
    conditions = (thing or {}).get("status", {}).get("conditions", [])
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)
