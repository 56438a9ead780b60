"""Where something stands, for a reader: in any module of the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.spans import SourceMap

if TYPE_CHECKING:
    from sqla_leaklint.semantic.project import Module


def place_in(module: Module, node: tree.Node) -> Location:
    """The place of a node of a module."""
    return Location(str(Path(module.path)), SourceMap(module.parsed).span(node))
