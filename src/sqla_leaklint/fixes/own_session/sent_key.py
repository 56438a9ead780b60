"""A worker is sent the key of an entity instead of the entity.

    send_receipt.delay(order)          →    send_receipt.delay(order.id)
    greet_all.delay(users)             →    greet_all.delay([user.id for user in users])

What the worker does with a key is its own text: where that cannot be changed as well (`received_key`), this is half of
the change, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.handed_over.belonging import belonging
from sqla_leaklint.domain.handed_over.held_keys import HeldEntity
from sqla_leaklint.domain.handed_over.lookups import lookup_of, primary_key
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.mapped.relationships import snake_case
from sqla_leaklint.domain.values import BoundMethod, alternatives
from sqla_leaklint.fixes.own_session.received_key import ReceivedKey, received_key, receiving_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.knowledge.facts import Kind, Wire
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.handed_over.cargo import Cargo
    from sqla_leaklint.domain.handed_over.entities import EntityKind
    from sqla_leaklint.domain.handed_over.sendings import Sending
    from sqla_leaklint.domain.values import ProjectClass
    from sqla_leaklint.syntax.spans import SourceMap

_IN_JSON = re.compile(r"\.(?:\w*Integer|\w*INT|INTEGER|String|Unicode|Text|\w*VARCHAR|\w*CHAR|TEXT)$")


def send_keys(sending: Sending, entities: Sequence[tuple[Cargo, EntityKind]]) -> PendingFix | None:
    """The change, where each of the entities that are sent is a variable, and its key is at hand."""
    if sending.through is not None or not entities:
        return None
    keys: list[tuple[tree.Expr, str]] = []
    for piece, kind in entities:
        key = _key(sending, piece, kind)
        if key is None:
            return None
        keys.append((piece.node, key))
    received = _received(sending, entities[0][0], keys[0][1]) if len(keys) == 1 else None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        sent = [TextEdit(*source.offsets(node), key) for node, key in keys]
        if received is None:
            return sent
        loaded = list(receiving_edits(received, source))
        return [*sent, *loaded] if loaded else ()

    return PendingFix(Applicability.DISPLAY, _message(sending, entities, keys, is_whole=received is not None), render)


def _message(
    sending: Sending,
    entities: Sequence[tuple[Cargo, EntityKind]],
    keys: Sequence[tuple[tree.Expr, str]],
    *,
    is_whole: bool,
) -> str:
    texts = " and ".join(f"`{key}`" for _, key in keys)
    models = " and ".join(
        dict.fromkeys(f"the `{kind.model.name}`{'s' if kind.is_many else ''}" for _, kind in entities)
    )
    it = "it" if len(keys) == 1 and not entities[0][1].is_many else "them"
    match _task(sending):
        case tree.Name(id=name) | tree.Attribute(attr=name):
            worker = f"`{name}`"
        case _:
            worker = "the worker"
    if is_whole:
        return f"send {texts}, and let {worker} load {models} by {it}"
    return f"send {texts}: {worker} then has to load {models} by {it}"


def _received(sending: Sending, piece: Cargo, key: str) -> ReceivedKey | None:
    """The other half of the change, where it can be made."""
    module = sending.domain.module.summary
    function = module.functions.get(sending.body.qualname)
    if function is None or piece.term is None:
        return None
    found = belonging(sending.domain.evaluator, module, function, piece.term)
    column = primary_key(sending.domain.evaluator, found.kind.model) if found is not None else None
    if found is None or column is None or found.kind.is_many:
        return None
    return received_key(sending, piece, found, _task(sending), key, column)


def _key(sending: Sending, piece: Cargo, kind: EntityKind) -> str | None:
    """What to send for an entity or a list of them."""
    domain, node = sending.domain, piece.node
    if not isinstance(node, tree.Name) or piece.hidden_in or piece.term is None:
        return None
    column = primary_key(domain.evaluator, kind.model)
    if column is None or (piece.argument is not None and piece.argument.star) or _is_deleted(sending, piece.term):
        return None
    if sending.row.wire is Wire.JSON and not _is_in_json(sending, kind.model, column):
        return None
    module = domain.module.summary
    function = module.functions.get(sending.body.qualname)
    found = belonging(domain.evaluator, module, function, piece.term) if function is not None else None
    if found is None:
        if kind.is_many or not kind.is_loaded:
            return None
        lookup = lookup_of(domain, sending.body, piece.term, kind.model)
        return lookup.variable if lookup is not None and lookup.is_sole else None
    held = HeldEntity(domain, sending.body, sending.node, node.id, piece.term, found)
    if not kind.is_many:
        return held.key(may_be_loaded=True)
    if not held.has_key or not kind.is_loaded:
        return None
    one = _free_name(sending, kind.model)
    return f"[{one}.{column} for {one} in {node.id}]"


def _is_deleted(sending: Sending, entity: t.Term) -> bool:
    """Whether the function has the entity deleted, by whatever."""
    return any(
        event.deed is Deed.CALLED
        and isinstance(event.call.func, t.Attr)
        and event.call.func.name == "delete"
        and entity in event.call.args
        for event in sending.body.events
    )


def _is_in_json(sending: Sending, model: ProjectClass, column: str) -> bool:
    """Whether the values of a column are numbers or texts: plain JSON has no UUIDs and dates."""
    evaluator = sending.domain.evaluator
    owner = models_of(evaluator).of(model)
    found = evaluator.classes.find(model, column, on_instance=False)
    if owner is None or found is None:
        return False
    if owner.columns[column].type:
        return _IN_JSON.search(owner.columns[column].type) is not None
    annotation = found[1].annotation if isinstance(found[1], t.Declared) else None
    return annotation is not None and any(
        isinstance(part, t.Ref) and part.path in {"builtins.int", "builtins.str"} for part in t.all_in([annotation])
    )


def _free_name(sending: Sending, model: ProjectClass) -> str:
    used = {node.id for node in walk(sending.body.node) if isinstance(node, tree.Name)}
    names = (snake_case(model.name), "each", "one")
    return next((name for name in names if name not in used), f"one_{names[0]}")


def _task(sending: Sending) -> tree.Name | tree.Attribute | None:
    """What the sender calls the task, if it names it."""
    domain, function = sending.domain, sending.node.func
    named: tree.Expr | None = sending.callee
    if named is None and isinstance(function, tree.Attribute):
        methods = (each for each in alternatives(domain.value(function)) if isinstance(each, BoundMethod))
        is_task = any(domain.evaluator.classes.is_a(each.receiver, Kind.TASK) for each in methods)
        named = function.value if is_task else None
    return named if isinstance(named, tree.Name | tree.Attribute) else None
