"""What pods leave on the machine: processes in the cluster's own cgroups, shims, mounts, containers, log links.

They belong to this cluster by where they are (its cgroups, its socket, its folders), never by their names.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from localcluster import images, layout, processes, shell

_CGROUPS = Path("/sys/fs/cgroup")
_LOG_LINKS = Path("/var/log/containers")
_CNI_RESULTS = Path("/var/lib/cni/results")
# The kubelet and the network plugins make these whatever they are told; they go if they were not there before.
_FIXED_FOLDERS = (_LOG_LINKS, Path("/var/lib/kubelet"), Path("/var/lib/cni"))


class _Pods:
    name = "pods"

    def start(self, places: layout.Layout) -> None:
        """A new cluster begins without the containers of an earlier one; a recovering one keeps its own."""
        images.load_archive(places, images.pause_archive(places))
        if not _memory(places).exists():
            remove_containers(places)
            _memory(places).write_text(json.dumps([str(folder) for folder in _FIXED_FOLDERS if not folder.exists()]))

    def is_ready(self, places: layout.Layout) -> bool:
        return True

    def stop(self, places: layout.Layout) -> list[str]:
        killed = kill_all(places)
        removed = remove_containers(places)
        return [
            *([f"{killed} processes of pods"] if killed else []),
            *([f"{removed} containers"] if removed else []),
            *unmount_all(places),
            *remove_cgroups(),
            *_remove_files(places),
        ]


def cgroups() -> list[Path]:
    """The cluster's cgroup in every hierarchy of this machine (one for cgroup v2, several for v1)."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / layout.CGROUP]
    return [hierarchy / layout.CGROUP for hierarchy in sorted(_CGROUPS.iterdir()) if not hierarchy.is_symlink()]


def processes_of_pods(places: layout.Layout) -> set[int]:
    """Everything in the cluster's cgroups, and the shims that serve its containerd."""
    members: set[int] = set()
    for cgroup in cgroups():
        for folder, _, _ in os.walk(cgroup):  # which minds no cgroup that goes meanwhile
            with contextlib.suppress(OSError):
                members.update(int(pid) for pid in Path(folder, "cgroup.procs").read_text().split())
    return members | _shims(places)


def _shims(places: layout.Layout) -> set[int]:
    # Debian's shim is told the socket's address behind -address; the socket is ours alone.
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
                if b"-address" in arguments and os.fsencode(places.containerd_socket) in arguments:
                    found.add(int(folder.name))
    return found


def kill_all(places: layout.Layout) -> int:
    """Kill the pods' processes until none is left; return how many there were."""
    seen: set[int] = set()

    def are_gone() -> bool:
        alive = processes_of_pods(places)
        seen.update(alive)
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not alive

    shell.wait_until(are_gone, 15)
    return len(seen)


def remove_containers(places: layout.Layout) -> int:
    """Make containerd forget the containers (images stay); 0 if it does not run, the next start sees to it."""
    if processes.running(places.pid_file("containerd")) is None:
        return 0
    ctr = images.ctr(places)
    containers = shell.run([*ctr, "containers", "list", "--quiet"]).split()
    for container in containers:
        shell.succeeds([*ctr, "tasks", "delete", "--force", container])
    if containers:
        shell.succeeds([*ctr, "containers", "delete", *containers])
    return len(containers)


def mounts(places: layout.Layout) -> list[str]:
    """Mount points under the cluster's folders, the innermost first."""
    folders = (f"{places.home}/", f"{layout.RUNTIME}/")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return sorted((point for point in points if point.startswith(folders)), key=len, reverse=True)


def unmount_all(places: layout.Layout) -> list[str]:
    """Unmount everything under the cluster's folders."""
    points = mounts(places)
    for point in points:
        if subprocess.run(["umount", point], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
    return [f"{len(points)} mounts"] if points else []


def remove_cgroups() -> list[str]:
    """Remove the cluster's cgroups, leaves first."""
    count = 0
    for cgroup in cgroups():
        if not cgroup.exists():
            continue
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
            folder.rmdir()
            count += 1
        cgroup.rmdir()
        count += 1
    return [f"{count} cgroups"] if count else []


def _memory(places: layout.Layout) -> Path:
    return places.run / "folders-made.json"


def _remove_files(places: layout.Layout) -> list[str]:
    """Traces outside our folders: links to pods' logs, the network plugins' notes, folders that others made for us."""
    links = [link for link in _LOG_LINKS.glob("*.log") if link.readlink().is_relative_to(places.run)]
    notes = [note for note in _CNI_RESULTS.glob("*") if f"{layout.RUNTIME}/" in note.read_text()]
    for path in (*links, *notes):
        path.unlink()
    made = json.loads(_memory(places).read_text()) if _memory(places).exists() else []
    folders = [folder for folder in made if Path(folder).exists()]
    for folder in folders:
        shutil.rmtree(folder)
    files = [f"{len(links) + len(notes)} log links and network notes"] if links or notes else []
    return files + [f"folder {folder}" for folder in folders]


COMPONENT = _Pods()
