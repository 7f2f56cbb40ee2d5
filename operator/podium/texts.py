"""Texts for sentences: one way to shorten what a user wrote before it is repeated to them."""


def shorten(text: str, limit: int = 60) -> str:
    """At most `limit` characters of the text; what is cut ends with "…". ``shorten("abcdef", 4)`` is ``"abcd…"``."""
    return text if len(text) <= limit else text[:limit] + "…"


def quote(text: str, limit: int = 60) -> str:
    """The shortened text as a literal of Python, so that no character of it can break a line."""
    return repr(shorten(text, limit))
