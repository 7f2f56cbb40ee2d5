"""Manifest: an object of the Kubernetes API as JSON has it, in the one definition that all rooms share."""

from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]
