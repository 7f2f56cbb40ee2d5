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


def test_a_worker_notices_that_its_parent_is_gone() -> None:
    reading, writing = os.pipe()
    reporter = reports.Reporter(writing)
    reporter.tell(reports.BEAT)
    assert not reporter.is_cut
    os.close(reading)
    reporter.tell(reports.BEAT)
    assert reporter.is_cut
    os.close(writing)


def test_a_worker_whose_parent_does_not_read_is_not_held_up() -> None:
    reading, writing = os.pipe()
    reporter = reports.Reporter(writing)
    for _ in range(10_000):
        reporter.tell(reports.BEAT)
    assert not reporter.is_cut
    os.close(reading)
    os.close(writing)
