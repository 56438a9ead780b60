"""Telling a query which columns to load, by a loader option at the place where the statement begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.syntax.spans import SourceMap


def load_only(load: Load, columns: Sequence[str]) -> PendingFix | None:
    """Append `.options(load_only(Model.a, …))` to the call that begins the statement, when only this load uses it."""
    root = load.own_root
    if root is None:
        return None
    domain = load.domain
    bound = domain.module.summary.bindings
    if (
        "load_only" in bound
        and domain.evaluator.knowledge.loader_option(getattr(bound["load_only"], "path", "")) is None
    ):
        return None  # the name means something else here

    def render(source: SourceMap) -> Sequence[TextEdit]:
        start, end = source.offsets(root.args[0].value)
        model = source.text[start:end]
        names = ", ".join(f"{model}.{name}" for name in columns)
        return tuple(_edits(source, f".options(load_only({names}))"))

    def _edits(source: SourceMap, step: str) -> Iterator[TextEdit]:
        yield append_step(source, root, step)
        yield from import_edits(source, domain.module.parsed.tree, "sqlalchemy.orm", "load_only")

    title = f"load only {', '.join(f'`{name}`' for name in columns)}"
    return PendingFix(Applicability.UNSAFE, title, render)
