"""Collects rule pages, which live beside the rules' source, and engine specs as tests."""

from __future__ import annotations

pytest_plugins = ["tests.pages.plugin"]
