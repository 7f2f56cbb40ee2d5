"""Registries in memory, and other servers that models are imported from."""

import dataclasses
import json
from typing import Any

from click import testing

from podium import errors
from podium.cli import main, options, registries
from podium.registry import store
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.registry.storage import backend, memory
from tests.unit.registry import factories

ANN = entities.Actor("ann", "kubernetes", verified=True)


@dataclasses.dataclass
class OtherServer:
    """Implements registries.Source."""

    images: dict[str, convergence.ModelImage]
    address: str = "http://mlflow.example"

    def names(self) -> list[str]:
        return sorted(self.images)

    def image(self, name: str) -> convergence.ModelImage:
        if name not in self.images:
            raise errors.NotFound(f"{name} is not there")
        return self.images[name]


class Memory:
    """Implements registries.Opener; `records` may be replaced by a backend of the test's own."""

    def __init__(self) -> None:
        self.clock = factories.Clock()
        self.records: backend.Backend = memory.MemoryBackend()
        self.servers: dict[str, OtherServer] = {}
        self.asked: list[tuple[str | None, str | None]] = []

    @property
    def registry(self) -> store.Registry:
        return store.Registry(self.records, clock=self.clock)

    def open(self, namespace: str | None, context: str | None) -> registries.OpenRegistry:
        self.asked.append((namespace, context))
        return registries.OpenRegistry(namespace or "models", self.records, self.registry, lambda: ANN, self.clock)

    def source(self, uri: str) -> registries.Source:
        return self.servers[uri]

    def run(self, *arguments: str, code: int = 0, given: bytes = b"") -> testing.Result:
        """Run the command; its exit code has to be this one, and it never ends by an exception of its own."""
        work = options.Work(self)
        result = testing.CliRunner().invoke(main.podium, arguments, obj=work, input=given, prog_name="podium")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run the command; what it prints for programs."""
        return json.loads(self.run(*arguments, "-o", "json", code=code).stdout)
