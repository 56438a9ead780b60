"""The page of a rule: the Markdown beside its source, wherever the package is installed."""

from __future__ import annotations

from importlib.resources import files


def page_of(name: str) -> str:
    """The page of the rule with that name; raises `FileNotFoundError` when it has none."""
    wanted = f"{name.replace('-', '_')}.md"
    for family in files("sqla_leaklint.rules").iterdir():
        page = family / wanted
        if family.is_dir() and page.is_file():
            return page.read_text(encoding="utf-8")
    raise FileNotFoundError(f"the rule `{name}` has no page")
