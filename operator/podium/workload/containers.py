"""What the containers of a model's pod have in common: nothing that Pod Security "restricted" refuses."""

import collections.abc

from podium import names
from podium.api import model_version
from podium.manifest import Manifest

TMP_MOUNT: Manifest = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 -- a mount path inside the container
"""The only directory that a container may write to, beside a volume that it fills."""


def build_container(
    name: str, image: str, command: collections.abc.Sequence[str], resources: model_version.Resources
) -> Manifest:
    """A container that has no privileges and whose last words are kept."""
    return {
        "name": name,
        "image": image,
        **({"command": list(command)} if command else {}),
        "resources": resources.model_dump(by_alias=True, exclude_defaults=True),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": names.TERMINATION_LOG,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def build_env(variables: collections.abc.Mapping[str, str]) -> list[Manifest]:
    """Variables whose values are texts: in a Pod `$(NAME)` would stand for another variable, and `$$` for one `$`."""
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in variables.items()]


def merge_env(
    own: collections.abc.Mapping[str, str], users: collections.abc.Sequence[model_version.EnvVar]
) -> list[Manifest]:
    """Variables of Podium's own, less those that a user writes too, and then the user's."""
    written = [variable.model_dump(by_alias=True, exclude_defaults=True) for variable in users]
    overridden = {variable["name"] for variable in written}
    return build_env({name: value for name, value in own.items() if name not in overridden}) + written
