"""The programs that the cluster is made of, built once from pinned Go modules and cached by what pins them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import NamedTuple

from localcluster import layout, shell


class Tool(NamedTuple):
    """A Go module beside this file, the commands built from it, and the linker's flags."""

    name: str
    packages: tuple[str, ...]
    expectation: str
    """How long its build takes on two cores when nothing is cached."""
    linker_flags: str = "-s -w"

    @property
    def source(self) -> Path:
        return layout.SOURCE / self.name

    def folder(self, places: layout.Layout) -> Path:
        """The cache folder, named by everything that decides what is built."""
        pins = [(self.source / name).read_bytes() for name in ("go.mod", "go.sum")]
        pins += [path.read_bytes() for path in sorted(self.source.glob("*.go"))]
        digest = hashlib.sha256(b"\0".join([*pins, self.linker_flags.encode(), *(p.encode() for p in self.packages)]))
        return places.home / f"{self.name}-{digest.hexdigest()[:12]}"


_COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")

KUBERNETES = Tool(
    "kubernetes",
    tuple(f"k8s.io/kubernetes/cmd/{command}" for command in _COMMANDS),
    "7 to 10 minutes on two cores, once",
    # Without gitVersion, kubectl cannot parse the server's version.
    "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2",
)
COREDNS = Tool("coredns", (".",), "a minute on two cores, once")
HELM = Tool("helm", ("helm.sh/helm/v4/cmd/helm",), "two minutes on two cores, once")
ALL = (KUBERNETES, COREDNS, HELM)


def program(places: layout.Layout, tool: Tool, name: str) -> str:
    """The path of one built program."""
    return str(tool.folder(places) / name)


def folders(places: layout.Layout) -> list[Path]:
    """Where kubectl and helm are."""
    return [KUBERNETES.folder(places), HELM.folder(places)]


def kubectl(places: layout.Layout, *arguments: str, text: str | None = None, timeout: float = 120) -> str:
    """Run our own kubectl against our own cluster."""
    kubeconfig = places.kubeconfig if places.kubeconfig.exists() else places.kind_kubeconfig
    command = [program(places, KUBERNETES, "kubectl"), f"--kubeconfig={kubeconfig}", *arguments]
    return shell.run(command, text=text, timeout=timeout)


def build_all(places: layout.Layout) -> None:
    """Build what the cache lacks. Builders at the same time wait for each other, so nothing is built twice."""
    for tool in ALL:
        if not tool.folder(places).exists():
            with shell.locked(places.home / f"{tool.name}.lock"):
                _build(tool, tool.folder(places))


def _build(tool: Tool, folder: Path) -> None:
    if folder.exists():
        return
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["go", "build", "-mod=readonly", "-trimpath", f"-ldflags={tool.linker_flags}", "-o", f"{partial}/"]
    with shell.step(f"building {tool.name} from source", tool.expectation):
        partial.mkdir(parents=True)
        shell.run([*command, *tool.packages], environment={"CGO_ENABLED": "0"}, folder=tool.source)
        partial.replace(folder)
