"""The response is built in the endpoint, and the session closed, before it is returned.

return db.scalars(query).all()          →       response = [OrderOut.model_validate(each, from_attributes=True)
                                                    for each in db.scalars(query).all()]
                                                db.close()
                                                return response
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.loading.schemas import fields_of, schemas_in
from sqla_leaklint.fixes.imports import newline_of
from sqla_leaklint.fixes.lines import BLANK_OR_COMMENT, end_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.lifetimes.serialised import SerialisedInTransaction
    from sqla_leaklint.syntax.spans import SourceMap

_NAMES = ("response", "built_response")


def build_response(serialised: SerialisedInTransaction) -> PendingFix | None:
    """The change, where the model is a class or a list of one, and the endpoint has one way to its end."""
    session, stmt = serialised.session, serialised.returned
    schema, spelling = _schema(serialised), session.spelling
    names = {node.id for node in walk(session.function) if isinstance(node, tree.Name)}
    name = next((each for each in _NAMES if each not in names), None)
    is_last = session.function.body[-1] is stmt
    if schema is None or spelling is None or name is None or stmt.value is None or not is_last:
        return None
    value, (model, is_listed) = stmt.value, schema

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((stmt, value, model, spelling))
        start, end = source.offsets(stmt)[0], end_of(stmt, source)
        indentation = source.text[source.line_start(start) : start]
        if indentation.strip() or not BLANK_OR_COMMENT.fullmatch(source.text, end, source.line_end(end)):
            return ()
        text, cls, db = (source.text[slice(*source.offsets(node))] for node in (value, model, spelling))
        validate = f"{cls}.model_validate({'each' if is_listed else text}, from_attributes=True)"
        built = f"[{validate} for each in {text}]" if is_listed else validate
        separator = f"{newline_of(source)}{indentation}"
        lines = (f"{name} = {built}", f"{db}.close()", f"return {name}")
        return (TextEdit(start, end, separator.join(lines)),)

    return PendingFix(Applicability.DISPLAY, "build the response, and close the session before returning it", render)


def _schema(serialised: SerialisedInTransaction) -> tuple[tree.Expr, bool] | None:
    """The class of the response as it is written, and whether the response is a list of them."""
    domain = serialised.session.domain
    found = list(schemas_in(domain.evaluator, serialised.model, domain.frame))
    if len(found) != 1 or not any(fields_of(domain.evaluator, found[0][0])):
        return None
    function = serialised.session.function
    given = [
        argument.value
        for decorator in function.decorators
        if isinstance(decorator, tree.Call)
        for argument in decorator.args
        if argument.keyword == "response_model"
    ]
    annotation = given[0] if given else function.returns
    match annotation:
        case tree.Name() | tree.Attribute() if not found[0][1]:
            return annotation, False
        case tree.Subscript(index=(tree.Name() | tree.Attribute() as element,)) if found[0][1]:
            return element, True
        case _:
            return None
