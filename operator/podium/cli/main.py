"""The command `podium`: the history of a registry, decisions about versions, and work on whole registries.

It calls the API server itself, with the rights of whoever runs it. Exit codes: 0; 1 if something was refused or failed
(one sentence on the error stream); 2 for a wrong command line.
"""

from typing import Any

import click

from podium import errors
from podium.cli import decisions, history, options, registries, registry


class _Sentences(click.Group):
    """A group whose commands' errors become one sentence each."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except errors.PodiumError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # a reader such as `head` has closed the pipe: click ends silently
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'a file'}: {error.strerror or error}") from error


@click.group(cls=_Sentences, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="podium", message="%(prog)s %(version)s")
@options.registry_options
def podium() -> None:
    """The model registry in a Kubernetes namespace: history, decisions about versions, checks, exports and imports."""


podium.add_command(history.history)
podium.add_command(decisions.approve)
podium.add_command(decisions.reject)
podium.add_command(registry.registry)


def main() -> None:
    """The program: on the cluster."""
    podium(prog_name="podium", obj=options.Work(registries.ClusterOpener()))
