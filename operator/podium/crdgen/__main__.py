"""`python -m podium.crdgen [ROOT]` writes the CRDs, and the chart's copies which a release keeps."""

import pathlib
import sys
from typing import Any

import yaml

from podium.crdgen import definitions

HEADER = "# Generated from operator/podium/api by `make crds`; do not edit.\n"
CHART_ANNOTATIONS = {"helm.sh/resource-policy": "keep"}


class _Plain(yaml.SafeDumper):
    """Writes a value that stands in several places out in each, not as YAML's alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the library's signature
        return True


def render(crd: dict[str, Any]) -> str:
    """One CRD as YAML, with the line that says where it comes from."""
    return HEADER + yaml.dump(crd, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


def chart_copy(crd: dict[str, Any]) -> str:
    """The same CRD as a template of the chart: `helm upgrade` upgrades it and `helm uninstall` keeps it."""
    kept = crd | {"metadata": crd["metadata"] | {"annotations": CHART_ANNOTATIONS}}
    return "{{- if .Values.crds.install }}\n" + render(kept) + "{{- end }}\n"


def files(crd_dir: pathlib.Path, chart_dir: pathlib.Path) -> dict[pathlib.Path, str]:
    """Every generated file with its content."""
    out = {}
    for crd in (definitions.model_version_crd(), definitions.model_alias_crd()):
        name = f"{crd['spec']['names']['plural']}.yaml"
        out[crd_dir / name] = render(crd)
        out[chart_dir / name] = chart_copy(crd)
    return out


def main() -> None:
    """Write the CRDs below the repository root given (default: the current folder)."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for path, text in files(root / "crds", root / "charts/podium/templates/crds").items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
