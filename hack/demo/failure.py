"""What the demo raises when it cannot go on; the text says what is missing and what to do."""


class DemoError(Exception):
    """The demo cannot go on."""
