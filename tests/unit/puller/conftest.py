"""An artifact in a folder, and the settings of a pull from it."""

import pathlib

import pytest

from podium.puller import plan, settings
from tests.unit.puller import folder

WEIGHTS = bytes(range(256)) * (plan.BLOCK // 256) + b"tail"
"""Two blocks."""
FILES = {"MLmodel": b"flavors: {}", "data/model.pkl": b"pickle" * 1000, "empty": b"", "weights": WEIGHTS}


@pytest.fixture
def store(tmp_path: pathlib.Path) -> folder.Folder:
    """A store that holds FILES below iris/3."""
    root = tmp_path / "store"
    for path, content in FILES.items():
        file = root / "iris/3" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder.Folder(root)


@pytest.fixture
def chosen(tmp_path: pathlib.Path) -> settings.Settings:
    """A pull of that artifact that is patient enough for one or two tries."""
    return settings.Settings(
        source="folder://store/iris/3",
        model_dir=tmp_path / "model",
        timeout=60,
        retries=2,
        expected_digest=None,
        region="",
        path_style=False,
    )
