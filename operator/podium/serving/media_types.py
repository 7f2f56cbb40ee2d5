"""What a request's Content-Type says, as RFC 9110 writes it, in the one spelling that MLflow's application knows. Pure.

Type and parameter names in any case, values quoted or not, white space, and parameters that mean nothing here are all
taken; MLflow itself compares texts.
"""

import codecs
import email.message
import functools

_READABLE_CHARSETS = frozenset({"utf-8", "ascii"})
"""As Python's codecs call them; the second is a part of the first."""


class UnsupportedMediaType(Exception):
    """The body cannot be read; the text says what to write."""


@functools.lru_cache(maxsize=64)
def normalize(content_type: str) -> str:
    """The type for MLflow's application, such as `application/json`. Raises UnsupportedMediaType."""
    if not content_type:
        raise UnsupportedMediaType("write the body's type: Content-Type: application/json")
    header = email.message.Message()
    header["content-type"] = content_type
    charset = header.get_content_charset()
    if charset is not None and _find_codec(charset) not in _READABLE_CHARSETS:
        raise UnsupportedMediaType(f"the body's charset is {charset}: write it in UTF-8")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/csv" and str(header.get_param("header", "")).lower() == "absent":
        raise UnsupportedMediaType("text/csv; header=absent: write the names of the columns in the first line")
    return media_type


def _find_codec(charset: str) -> str:
    try:
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        return charset
