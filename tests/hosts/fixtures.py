"""Fixtures that the tests of the hosts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import toy_registered, write

METADATA = """\
Metadata-Version: 2.1
Name: sqla-leaklint
Version: 0.0.0
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that makes flake8 find the plugin of this checkout, whatever is installed."""
    folder = tmp_path_factory.mktemp("site")
    write(
        folder,
        {
            "sqla_leaklint-0.0.0.dist-info/METADATA": METADATA,
            "sqla_leaklint-0.0.0.dist-info/entry_points.txt": "[flake8.extension]\n"
            "LKS = sqla_leaklint.flake8_plugin:Plugin\n",
        },
    )
    return folder


@pytest.fixture
def toy() -> Iterator[None]:
    """The registry has one more rule, `toy` (LKS199)."""
    with toy_registered():
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the working directory."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text("")
    monkeypatch.chdir(root)
    return root
