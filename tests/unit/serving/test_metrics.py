"""The server's metrics.

prometheus-client chooses how it keeps its values when it is first imported, so each case is a process of its own.
"""

import subprocess
import sys

RECORD = """
import os
from podium.serving import metrics
with metrics.directory():
    where = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    recorder = metrics.Recorder("iris", "3")
    {answers}
    print(recorder.expose().decode())
print("kept" if os.path.exists(where) else "removed")
"""


def exposed(answers: str = "pass") -> list[str]:
    command = [sys.executable, "-c", RECORD.format(answers=answers)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_errors_and_requests_are_zero_before_the_first_so_that_an_increase_is_seen() -> None:
    lines = exposed()
    for cause in ("model", "timeout", "server"):
        assert f'podium_model_request_errors_total{{cause="{cause}",model="iris",version="3"}} 0.0' in lines
    assert 'podium_model_requests_total{code="200",model="iris",version="3"} 0.0' in lines
    assert lines[-1] == "removed"


def test_answers_are_counted_by_code_and_errors_by_cause() -> None:
    lines = exposed("recorder.record(200, 0.004); recorder.record(404, 0.1); recorder.record(503, 70, 'server')")
    assert 'podium_model_requests_total{code="404",model="iris",version="3"} 1.0' in lines
    assert 'podium_model_request_errors_total{cause="server",model="iris",version="3"} 1.0' in lines
    assert 'podium_model_request_errors_total{cause="model",model="iris",version="3"} 0.0' in lines
    assert 'podium_model_request_duration_seconds_bucket{le="0.005",model="iris",version="3"} 1.0' in lines
    assert 'podium_model_request_duration_seconds_bucket{le="60.0",model="iris",version="3"} 2.0' in lines
    assert 'podium_model_request_duration_seconds_count{model="iris",version="3"} 3.0' in lines


def test_the_values_of_a_forked_worker_that_has_ended_stay_counted() -> None:
    lines = exposed("pid = os.fork(); recorder.record(200, 1); os._exit(0) if pid == 0 else os.waitpid(pid, 0)")
    assert 'podium_model_requests_total{code="200",model="iris",version="3"} 2.0' in lines
