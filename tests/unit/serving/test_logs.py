"""The server's log: every line is one JSON object on stdout with the pod's fields, also those of libraries."""

import json
import subprocess
import sys

SAY = """
import logging, warnings
from podium.serving import logs
logging.getLogger("uvicorn").addHandler(logging.StreamHandler())
logs.configure(model="iris", version="7")
logging.getLogger("uvicorn").warning("a library's line\\nof two")
logging.getLogger("uvicorn.error").info("a line of no interest")
logging.getLogger("podium.serving").info("ours")
warnings.warn("a warning")
try:
    raise ZeroDivisionError("nothing to divide")
except ZeroDivisionError:
    logging.getLogger("mlflow").exception("it failed")
"""


def test_each_line_is_one_object_with_the_pods_fields_whoever_says_it() -> None:
    done = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["logger"] for line in lines] == ["uvicorn", "podium.serving", "py.warnings", "mlflow"]
    assert {(line["model"], line["version"]) for line in lines} == {("iris", "7")}
    assert [lines[0]["message"], lines[1]["message"]] == ["a library's line\nof two", "ours"]
    assert "a warning" in lines[2]["message"]
    assert "ZeroDivisionError: nothing to divide" in lines[3]["error"]
    assert done.stderr == ""
