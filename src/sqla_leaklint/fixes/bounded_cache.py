"""A dict that is used as a cache becomes one that forgets: `cachetools.TTLCache`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.containers import Container
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_CACHE = "TTLCache(maxsize=1024, ttl=300)"
_DICTS = frozenset({"dict", "Dict"})


def bound_by_time(container: Container) -> PendingFix | None:
    """The fix, for a dict that is only filled and looked up; size and time are for a reader to choose."""
    if not container.is_cache:
        return None
    message = f"replace `{container.name}` by a `TTLCache`"
    return PendingFix(Applicability.DISPLAY, message, lambda source: tuple(_edits(container, source)))


def _edits(container: Container, source: SourceMap) -> Iterator[TextEdit]:
    yield from import_edits(source, container.domain.module.parsed.tree, "cachetools", "TTLCache")
    node = container.definition.node
    if isinstance(node, tree.AnnAssign):
        head = node.annotation.value if isinstance(node.annotation, tree.Subscript) else node.annotation
        if isinstance(head, tree.Name) and head.id in _DICTS:
            yield TextEdit(*source.offsets(head), "TTLCache")
    yield TextEdit(*source.offsets(container.definition.value), _CACHE)
