"""kubectl against one cluster, given by the environment that names its kubeconfig and its programs."""

import json
from collections.abc import Mapping
from typing import Any

from localcluster import failure, shell

Manifest = dict[str, Any]


class Kubectl:
    """Runs kubectl; every call raises localcluster's CommandFailed with kubectl's own words."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    def run(self, *arguments: str, text: str | None = None, timeout: float = 120.0) -> str:
        """Runs one command and returns its output; `text` is its standard input."""
        return shell.run(["kubectl", *arguments], text=text, environment=self.environment, timeout=timeout)

    def apply(self, *manifests: Manifest) -> None:
        """Applies manifests on the server's side, as a user's own field manager."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.run("apply", "--server-side", "--force-conflicts", "--filename=-", text=text)

    def get(self, namespace: str, kind: str, name: str) -> Manifest | None:
        """An object, or None where it is not there."""
        answer = self.run("get", kind, name, f"--namespace={namespace}", "--output=json", "--ignore-not-found")
        found: Manifest | None = json.loads(answer) if answer.strip() else None
        return found

    def tell(self, *arguments: str) -> str:
        """What a command says, also where it fails: for messages about something else that failed."""
        try:
            return self.run(*arguments, timeout=30).rstrip()
        except failure.CommandFailed as error:
            return str(error)


def conditions(found: Manifest | None) -> dict[str, Manifest]:
    """The conditions of an object by their type."""
    return {condition["type"]: condition for condition in (found or {}).get("status", {}).get("conditions", [])}


def is_ready(found: Manifest | None) -> bool:
    """Whether the object is Ready, in the generation that was asked for."""
    ready = conditions(found).get("Ready", {})
    generation = (found or {}).get("metadata", {}).get("generation")
    return ready.get("status") == "True" and ready.get("observedGeneration", generation) == generation
