"""The page runner's part of pytest: its option, and which files it collects."""

from __future__ import annotations

from pathlib import Path

import pytest

RULES = Path("src/sqla_leaklint/rules")
SPECS = Path("tests/specs")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-pages", action="store_true", help="rewrite the diff and text blocks of rule pages and specs"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-pages") and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--update-pages writes pages: run it without -n")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.File | None:
    if file_path.suffix != ".md" or not is_page(file_path, parent.config.rootpath):
        return None
    # Imported here: an engine that cannot be imported fails its pages and leaves the other tests alone.
    from tests.pages.items import PageFile

    file: pytest.File = PageFile.from_parent(parent, path=file_path)
    return file


def is_page(path: Path, root: Path) -> bool:
    """Rule pages and engine specs are pages; any other Markdown is prose."""
    return any(path.is_relative_to(root / folder) for folder in (RULES, SPECS))
