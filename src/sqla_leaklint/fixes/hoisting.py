"""Moving an assignment out of a function to the level of its module, before the definition that it stands in."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.lines import end_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.syntax.spans import SourceMap

_NOT_AT_MODULE_LEVEL = (tree.Await, tree.Yield, tree.NamedExpr, tree.Lambda, tree.Comprehension)


def hoist(domain: Domain, body: Body, stmt: tree.Stmt | None) -> PendingFix | None:
    """Make once, when the module is imported, what a function makes again and again.

    None where the value is made of something that only the function knows, or that the module binds further down; what
    is left of the function must mean by the name just what the module does.  Of several functions that make something
    of that name, the first has the fix.
    """
    function, module = body.node, domain.module.parsed.tree
    if not isinstance(function, tree.Function) or not isinstance(stmt, tree.Assign) or stmt not in function.body:
        return None
    name = stmt.targets[0].id if len(stmt.targets) == 1 and isinstance(stmt.targets[0], tree.Name) else None
    place = next((place for place, each in enumerate(module.body) if any(n is function for n in walk(each))), None)
    if name is None or place is None or len(function.body) == 1 or name in names_in(module.body).bound:
        return None
    if _is_bound_again(function, stmt, name) or not _is_known_above(body, stmt.value, module.body[:place]):
        return None
    before = itertools.takewhile(lambda each: each is not body, domain.bodies)
    if any(each.is_function and name in each.names.bound for each in before):
        return None
    top = module.body[place]
    first = top.decorators[0] if isinstance(top, tree.Function | tree.Class) and top.decorators else top

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((stmt, first))
        return tuple(_edits(source, stmt, first))

    return PendingFix(Applicability.DISPLAY, f"make `{name}` once, for the module", render)


def _is_bound_again(function: tree.Function, stmt: tree.Stmt, name: str) -> bool:
    rest = tuple(each for each in function.body if each is not stmt)
    return name in names_in(rest, (parameter.name for parameter in function.params)).bound


def _is_known_above(body: Body, value: tree.Expr, above: tree.Block) -> bool:
    """Whether a value is made of what the statements above bind, and is none that has to wait for a call."""
    known, local = names_in(above).bound, body.local_names
    for node in walk(value):
        if isinstance(node, _NOT_AT_MODULE_LEVEL):
            return False
        if isinstance(node, tree.Name) and (node.id in local or not (node.id in known or hasattr(builtins, node.id))):
            return False
    return True


def _edits(source: SourceMap, stmt: tree.Stmt, first: tree.Node) -> Iterator[TextEdit]:
    text = source.text
    start, end = source.offsets(stmt)[0], end_of(stmt, source)
    line, line_end = source.line_start(start), source.line_end(end - 1)
    rest = text[end:line_end].strip()
    if text[line:start].strip() or (rest and not rest.startswith("#")) or '"""' in text[start:end]:
        return
    newline = "\r\n" if text[line_end : line_end + 2] == "\r\n" else "\n"
    indentation = source.indentation(stmt)
    lines = [each.removeprefix(indentation) for each in text[line:line_end].split(newline)]
    place = source.line_start(source.offsets(first)[0])
    yield TextEdit(place, place, newline.join([*lines, "", "", ""]))
    following = min(line_end + len(newline), len(text))
    while not text[following : source.line_end(following)].strip() and following < len(text):
        following = min(source.line_end(following) + len(newline), len(text))  # blank lines that set it apart
    yield TextEdit(line, following, "")
