"""A containerd of the cluster's own: its root, state and socket are never the system's.

Its root outlives the cluster, so that images need not be loaded again.
"""

from __future__ import annotations

import shutil

from localcluster import images, layout, shell
from localcluster.component import Daemon

_CONFIGURATION = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{runc}"
"""


def _prepare(places: layout.Layout) -> None:
    text = _CONFIGURATION.format(
        root=places.containerd,
        state=layout.RUNTIME / "containerd",
        socket=places.containerd_socket,
        pause=images.PAUSE,
        cni=places.configuration / "cni",
        runc=shutil.which("runc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"),
    )
    (places.configuration / "containerd.toml").write_text(text)


def _command(places: layout.Layout) -> list[str]:
    return ["containerd", f"--config={places.configuration / 'containerd.toml'}", "--log-level=warn"]


def _answers(places: layout.Layout) -> bool:
    return shell.succeeds([*images.ctr(places), "version"])


COMPONENT = Daemon("containerd", _command, _answers, _prepare)
