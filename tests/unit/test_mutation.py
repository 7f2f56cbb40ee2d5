"""The mutation run's report: changes of texts are told from changes of what the code does."""

import pytest

import mutation

CHANGES = [
    pytest.param(('-    raise Error("no such model")', '+    raise Error("XXno such modelXX")'), True, id="a sentence"),
    pytest.param(('-    found["metadata"]', '+    found["METADATA"]'), False, id="a key"),
    pytest.param(('-    found["metadata"]', "+    found[None]"), False, id="a key that is gone"),
    pytest.param(("-    if count > 1:", "+    if count >= 1:"), False, id="a comparison"),
    pytest.param(
        ('-    tell(f"{name} is gone", 1)', '+    tell(f"{name} is gone", 2)'), False, id="a number beside a sentence"
    ),
    pytest.param(('-    tell("one two", "three")', '+    tell("one two", )'), False, id="an argument less"),
]


@pytest.mark.parametrize(("change", "is_text"), CHANGES)
def test_only_a_change_of_the_words_of_a_sentence_is_one_of_a_text(change: tuple[str, ...], is_text: bool) -> None:
    assert mutation.is_of_a_text(change) is is_text
