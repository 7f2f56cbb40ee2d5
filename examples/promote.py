"""Judges a version by the metrics of its run, tags it with the verdict, and moves an alias to it. Plain MLflow.

    export MLFLOW_TRACKING_URI=http://localhost:8088
    python examples/promote.py iris-classifier 5
    python examples/promote.py iris-classifier 5 --alias champion

With gates in a ModelAlias the registry refuses what this script forgets to check; without any, it is its only judge.
"""

import argparse
import sys
import time

import mlflow

REQUIRED = {"accuracy": 0.90, "f1_macro": 0.85}
"""The least that each metric has to be."""


def judge(model: str, version: str) -> bool:
    """Whether the version's run meets REQUIRED; the tag approval_status says so, and staging moves to it."""
    client = mlflow.MlflowClient()
    found = client.get_run(client.get_model_version(model, version).run_id).data.metrics
    is_good = True
    for name, least in REQUIRED.items():
        value = found.get(name, 0.0)
        print(f"{name} {value:.3f}, at least {least}: {'met' if value >= least else 'missed'}")
        is_good = is_good and value >= least
    client.set_model_version_tag(model, version, "approval_status", "approved" if is_good else "rejected")
    if is_good:
        client.set_registered_model_alias(model, "staging", version)
    return is_good


def move(model: str, alias: str, version: str, tries: int = 3) -> bool:
    """Move the alias, and try again after a pause that doubles, for the case that somebody else is at it."""
    client = mlflow.MlflowClient()
    for attempt in range(tries):
        try:
            before = client.get_model_version_by_alias(model, alias).version
        except mlflow.MlflowException:
            before = "no version"
        try:
            client.set_registered_model_alias(model, alias, version)
        except mlflow.MlflowException as error:
            print(f"try {attempt + 1} of {tries}: {error}")
            if attempt + 1 < tries:
                time.sleep(2**attempt)
        else:
            print(f"{alias}: {before} -> {version}")
            return True
    return False


def main() -> None:
    """The exit code says whether the version was good enough, or whether the alias moved."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="name of the registered model")
    parser.add_argument("version", help="number of the version")
    parser.add_argument("--alias", help="move this alias instead of judging")
    chosen = parser.parse_args()
    if chosen.alias:
        sys.exit(not move(chosen.model, chosen.alias, chosen.version))
    sys.exit(not judge(chosen.model, chosen.version))


if __name__ == "__main__":
    main()
