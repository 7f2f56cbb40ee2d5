"""Bounds of the registry's ConfigMaps, in bytes as they are stored.

The API server refuses a ConfigMap of more than 1 MiB, and a head is written with every alias move, in a time that
grows with its size (2 KB in 1.8 ms, 20 KB in 2.5, 200 KB in 8.8). So an object stays far below 1 MiB, but has room
for one of MLflow's largest tags (100,000 characters) twice, and history leaves the head early.
"""

from podium import errors
from podium.registry.storage import backend

OBJECT_BYTES = 256 * 1024
"""A head, a version or a claim that would pass this is refused."""
HEAD_BYTES = 20 * 1024
"""A head that would pass this has its older history moved to an archive first, ..."""
HISTORY_BYTES = 8 * 1024
"""... unless its history has no more than this: then something else fills it."""
HISTORY_KEPT_BYTES = 4 * 1024
"""How much of the newest history a head keeps when the older part is moved."""


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
        f"{what} would take {total} bytes; the registry stores at most {OBJECT_BYTES} a ConfigMap ({parts}): shorten "
        "the description or the tags, or log the text as an artifact and put its URI here"
    )
