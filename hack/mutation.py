"""Mutants of the core: which small changes of the code no test notices.

    python hack/mutation.py [--minutes 20] [--sample 600] [--seed N] [MODULE ...]

mutmut changes one place of one function at a time and runs the unit tests that call the function. All mutants of the
packages below, or of the modules that are named (`rollout/decision`), are some ten thousand: a sample of them is tried,
for so many minutes. What survives is written to build/mutation/survivors.txt: first changes of what the code does, then
changes of texts, whose words tests leave open on purpose.

mutmut takes only functions: constants and decorated functions (properties, class methods) are not mutated.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "mutation"
REPORT = WORK / "survivors.txt"
PACKAGES = ("rollout", "routing", "gates", "workload", "registry/model")
BESIDE = ("hack", "docs", "charts", "crds", "examples", "bench")
"""Folders that tests read."""
TESTS = ("rollout", "routing", "gates", "workload", "registry")
SURVIVED, NOT_CALLED = 0, 33
"""Exit codes of mutmut: no test failed; no test calls the function."""
_CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
also_copy = {beside}
only_mutate = {modules}
pytest_add_cli_args = ["--hypothesis-profile=sample", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
"""


def prepare(modules: list[str]) -> None:
    """Lay out the code as mutmut wants it: below src/, with the tests beside it."""
    shutil.rmtree(WORK, ignore_errors=True)
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "operator" / "podium", WORK / "src" / "podium", ignore=skipped)
    for folder in ("tests", *BESIDE):
        shutil.copytree(ROOT / folder, WORK / folder, ignore=skipped)
    patterns = [f"src/podium/{each}.py" for each in modules]
    tests = [f"tests/unit/{each}" for each in TESTS if (ROOT / "tests/unit" / each).exists()]
    chosen = _CONFIGURATION.format(beside=json.dumps(BESIDE), modules=json.dumps(patterns), tests=json.dumps(tests))
    (WORK / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + chosen)


def run_mutmut(log: Path, *names: str, minutes: float | None = None) -> None:
    """Run mutants by their names; stop after so many minutes. What mutmut says is in `log`."""
    with log.open("wb") as out:
        command = [sys.executable, "-m", "mutmut", "run", *names]
        process = subprocess.Popen(command, cwd=WORK, stdout=out, stderr=out)
        try:
            process.wait(minutes and minutes * 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()


def read_results() -> dict[str, int | None]:
    """Every mutant by its name: the exit code of its tests, None where it was not tried."""
    found: dict[str, int | None] = {}
    for path in sorted((WORK / "mutants" / "src").rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def read_change(name: str) -> tuple[str, ...]:
    """The lines that a mutant changes, as in a diff."""
    from mutmut.mutation import diff_apply

    lines = diff_apply.get_diff_for_mutant(name).splitlines()[2:]
    return tuple(line for line in lines if line.startswith(("+", "-")))


def is_of_a_text(change: tuple[str, ...]) -> bool:
    """Whether a mutant changes nothing but words between quotation marks; a string without a space is a key."""
    half = len(change) // 2
    before, after = ("\n".join(line[1:] for line in lines) for lines in (change[:half], change[half:]))
    quoted = [re.findall(r'"[^"]*"', each) for each in (before, after)]
    if re.sub(r'"[^"]*"', '""', before) != re.sub(r'"[^"]*"', '""', after):
        return False
    return all(" " in old for old, new in zip(*quoted, strict=True) if old != new)


def write_report(results: dict[str, int | None], seed: int) -> str:
    """Write what survived; the summary."""
    os.chdir(WORK)  # where mutmut looks
    tried = {name: code for name, code in results.items() if code is not None}
    survived = {name: read_change(name) for name, code in tried.items() if code == SURVIVED}
    texts = {name for name, change in survived.items() if is_of_a_text(change)}
    codes = collections.Counter(tried.values())
    summary = (
        f"{len(results)} mutants, {len(tried)} tried (seed {seed}): "
        f"{len(tried) - codes[SURVIVED] - codes[NOT_CALLED]} caught, {len(survived) - len(texts)} survived, "
        f"{len(texts)} survived that change a text, {codes[NOT_CALLED]} in functions that no unit test calls"
    )
    parts = [summary]
    for title, names in (("What the code does", survived.keys() - texts), ("Texts", texts)):
        parts.append(f"\n{title}\n{'=' * len(title)}")
        parts += ["\n".join((f"\n{name}", *survived[name])) for name in sorted(names)]
    uncalled = sorted({name.partition("__mutmut_")[0] for name, code in tried.items() if code == NOT_CALLED})
    parts += ["\nNot called by a unit test\n" + "=" * 25, *uncalled]
    REPORT.write_text("\n".join(parts) + "\n")
    return summary


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--sample", type=int, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("modules", nargs="*", default=[f"{package}/*" for package in PACKAGES])
    asked = parser.parse_args()
    prepare(asked.modules)
    run_mutmut(WORK / "generation.log", "none")  # no mutant has this name: all are made, and none is tried
    names = sorted(read_results())
    log = WORK / "run.log"
    run_mutmut(log, *random.Random(asked.seed).sample(names, min(asked.sample, len(names))), minutes=asked.minutes)
    results = read_results()
    if all(code is None for code in results.values()):
        sys.exit(f"no mutant was tried: {log.read_text()[-3000:]}\nmore in {log} and {WORK / 'generation.log'}")
    sys.stdout.write(f"{write_report(results, asked.seed)}\n{REPORT}\n")


if __name__ == "__main__":
    main()
