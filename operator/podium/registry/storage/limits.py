"""Bounds of the registry's ConfigMaps, in bytes as they are stored.

The API server refuses a ConfigMap of more than 1 MiB. A head is written with every alias move, and a larger one takes
longer (2 KB in 1.8 ms, 20 KB in 2.5, 200 KB in 8.8). So an object stays far below 1 MiB, with room for two of MLflow's
largest tags (100,000 characters each), and history leaves the head early.
"""

from podium import errors
from podium.registry.storage import backend

OBJECT_BYTES = 256 * 1024
"""A larger head, version or claim is refused."""
HEAD_BYTES = 20 * 1024
"""Before a head grows larger than this, its older history moves to an archive, ..."""
HISTORY_BYTES = 8 * 1024
"""... unless the history is at most this large, and something else fills the head."""
HISTORY_KEPT_BYTES = 4 * 1024
"""How much of the newest history stays in the head then."""


def size(record: backend.Record) -> int:
    """Bytes of a ConfigMap's data, keys included."""
    return sum(text_bytes(key) + text_bytes(value) for key, value in record.data.items())


def text_bytes(value: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def check(record: backend.Record, what: str) -> None:
    """Raises TooLarge, with the largest parts and what to do, when an object passes OBJECT_BYTES."""
    if (total := size(record)) <= OBJECT_BYTES:
        return
    largest = sorted(record.data.items(), key=lambda item: -text_bytes(item[1]))[:2]
    parts = ", ".join(f"{key} {text_bytes(value)} bytes" for key, value in largest)
    raise errors.TooLarge(
        f"{what} would take {total} bytes; the registry stores at most {OBJECT_BYTES} in a ConfigMap ({parts}): "
        "shorten the description or the tags, or log the text as an artifact and put its URI here"
    )
