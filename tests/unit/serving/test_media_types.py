"""Media types as RFC 9110 lets clients write them."""

import pytest

from podium.serving import media_types


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ('application/json; charset="utf-8"', "application/json"),
        ("application/json;charset=UTF-8", "application/json"),
        ("application/json ; Charset=Utf8", "application/json"),
        ("application/json; charset=us-ascii", "application/json"),
        ("application/json; odata=verbose", "application/json"),
        ("application/json;", "application/json"),
        ('application/json; note="a;charset=latin-1"; charset=utf-8', "application/json"),
        ("text/csv; header=present", "text/csv"),
        ("Text/CSV; charset=utf-8; header=present", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("text/html", "text/html"),
        ("json", "json"),
    ],
)
def test_a_type_is_read_however_it_is_written(written: str, read: str) -> None:
    assert media_types.normalize(written) == read


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "write the body's type: Content-Type: application/json"),
        ("application/json; charset=latin-1", "the body's charset is latin-1: write it in UTF-8"),
        ('text/csv; charset="ISO-8859-1"', "the body's charset is iso-8859-1: write it in UTF-8"),
        ("application/json; charset=nonsense", "the body's charset is nonsense: write it in UTF-8"),
        ("application/json; charset=rot13", "the body's charset is rot13: write it in UTF-8"),
        ("text/csv; header=absent", "text/csv; header=absent: write the names of the columns in the first line"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_what_to_write(written: str, sentence: str) -> None:
    with pytest.raises(media_types.UnsupportedMediaType) as refused:
        media_types.normalize(written)
    assert str(refused.value) == sentence
