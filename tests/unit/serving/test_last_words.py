"""What a server that cannot serve says, within what Kubernetes keeps of it."""

import os
import pathlib
import resource
import signal

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import names
from podium.serving import last_words


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 -- whatever the test gave
        return caught


def caused(error: Exception, cause: Exception) -> Exception:
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001 -- whatever the test gave
        return caught


def test_the_description_begins_with_what_failed_and_ends_with_the_trace() -> None:
    words = last_words.describe("the model does not load", raised(ValueError("no")))
    assert words.splitlines()[0] == "the model does not load: ValueError: no"
    assert words.endswith("ValueError: no\n")


def test_the_first_cause_is_told() -> None:
    error = caused(RuntimeError("cannot"), caused(ValueError("broken"), KeyError("x")))
    assert last_words.describe("it fails", error).splitlines()[1] == "first cause: KeyError: 'x'"


def test_a_missing_library_comes_with_advice() -> None:
    error = caused(RuntimeError("cannot"), ModuleNotFoundError("No module named 'xgboost'", name="xgboost"))
    assert "the image lacks 'xgboost': name an image that holds it as runtime.image" in last_words.describe("x", error)


@hypothesis.given(st.text(max_size=9000), st.text(max_size=9000), st.integers(1, 300) | st.just(4096))
def test_words_fit_and_keep_the_beginning_of_the_head_and_the_end_of_the_tail(head: str, tail: str, limit: int) -> None:
    words = last_words.fit(head, tail, limit)
    assert len(words.encode(errors="replace")) <= limit
    assert words.startswith(head.encode()[:limit].decode(errors="ignore"))


def test_a_long_trace_is_cut_in_its_beginning() -> None:
    words = last_words.fit("head", "x" * 9000 + "the end")
    assert words.startswith("head\n[…]\nxx")
    assert words.endswith("the end")
    assert len(words.encode()) <= names.TERMINATION_LOG_LIMIT


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "exit code 3"),
        (-11, "signal 11 (SIGSEGV)"),
        (
            -9,
            "signal 9 (SIGKILL), perhaps because it needed more memory than it may use: raise resources.limits.memory",
        ),
        (-63, "signal 63 (unknown)"),
    ],
)
def test_an_end_is_told_in_words(status: int, words: str) -> None:
    assert last_words.describe_exit(status) == words


def test_last_words_that_nobody_reads_do_no_harm(tmp_path: pathlib.Path) -> None:
    last_words.leave(tmp_path / "no/such/folder", "words")
    last_words.leave(tmp_path / "file", "Wörter \udc80")
    assert (tmp_path / "file").read_text() == "Wörter ?"


def test_a_worker_that_is_killed_before_it_has_written_leaves_what_another_left(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    last_words.leave(log, "the model answers with 400")
    last_words.leave(log, "it answers with 400")
    assert log.read_text() == "it answers with 400"
    pid = os.fork()
    if pid == 0:  # the kernel kills it with SIGXFSZ in the instant of its write
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            last_words.leave(log, "mine")
        finally:
            os._exit(0)  # a forked copy of the tests must never run on
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGXFSZ
    assert log.read_text() == "it answers with 400"
