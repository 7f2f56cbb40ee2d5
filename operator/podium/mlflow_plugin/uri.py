"""URI: the address of a registry, ``configmap://NAMESPACE[?context=KUBECONFIG-CONTEXT]``.

Without a context the program's own place decides: the service account of its pod, else the current context of its
kubeconfig.
"""

import dataclasses
import re
import urllib.parse

from podium import errors

SCHEME = "configmap"
_EXAMPLE = f"{SCHEME}://NAMESPACE or {SCHEME}://NAMESPACE?context=NAME"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclasses.dataclass(frozen=True, slots=True)
class RegistryUri:
    """A namespace, and a context of the kubeconfig, or None."""

    namespace: str
    context: str | None = None


def parse(uri: str) -> RegistryUri:
    """The parts of a registry's URI. Raises InvalidInput with what to write instead."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme != SCHEME or parts.path not in ("", "/") or parts.fragment:
        raise errors.InvalidInput(f"{uri!r} is no address of a registry: write {_EXAMPLE}")
    if not _NAMESPACE.fullmatch(parts.netloc):
        raise errors.InvalidInput(f"{uri!r}: {parts.netloc!r} is no name of a Kubernetes namespace: write {_EXAMPLE}")
    options = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    context = options.pop("context", [""])
    if options or len(context) > 1 or (parts.query and not context[0]):
        raise errors.InvalidInput(f"{uri!r}: the one option is context, with one value: write {_EXAMPLE}")
    return RegistryUri(parts.netloc, context[0] or None)
