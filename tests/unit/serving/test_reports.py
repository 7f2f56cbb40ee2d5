"""What a worker tells its parent."""

import os

from podium.serving import reports


def test_reports_arrive_in_order_and_whole_however_they_are_cut() -> None:
    reading, writing = os.pipe()
    reader, reporter = reports.Reader(reading), reports.Reporter(writing)
    assert list(reader.read()) == []
    reporter.tell(reports.TESTING)
    reporter.tell(reports.FAILED, words="no\nsuch column", blames_fork=True)
    os.write(writing, b'{"kind": "be')
    assert list(reader.read()) == [
        {"kind": "testing"},
        {"kind": "failed", "words": "no\nsuch column", "blames_fork": True},
    ]
    os.write(writing, b'at"}\n')
    os.close(writing)
    assert list(reader.read()) == [{"kind": "beat"}]
    reader.close()


def test_a_worker_whose_parent_is_gone_can_still_report() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    reports.Reporter(writing).tell(reports.BEAT)
    os.close(writing)
