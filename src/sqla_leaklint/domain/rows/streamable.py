"""Whether the rows of a load could come in batches instead, and by which call; uncertain means that they could not.

A stream can be gone through once, while the transaction that it was begun in lasts, and its entities have to fit
batches.

    users = session.scalars(select(User)).all()
    if not users: return 0                      # no: a stream is true, empty or not
    for user in users: mail(user.email)         # yes, where that is all
    return users                                # no: the second time nothing is left
    return [user for user in users]             # no: what is kept needs no batches
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.loading.batching import comes_in_batches
from sqla_leaklint.domain.loading.eager import Loading, loading
from sqla_leaklint.domain.loading.relationship_reads import RelationshipRead
from sqla_leaklint.domain.mapped.relationships import relationship_of
from sqla_leaklint.domain.rows.holders import UNCHANGED, is_same
from sqla_leaklint.domain.rows.interruptions import may_end_result
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.rows.repetition import repeats_entities
from sqla_leaklint.domain.rows.streaming import executing_method
from sqla_leaklint.domain.rows.truth import called_path
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.domain.values import ProjectFunction, TupleValue, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.domain.rows.usage import FunctionText, Use

_CONSUMERS = frozenset({"all", "fetchall", "for"})
_KEEPS_ROWS = frozenset({Deal.COLLECTED, Deal.RETURNED, Deal.YIELDED, Deal.CAPTURED, Deal.ELSE})
_GATHERS = frozenset({"append", "appendleft", "extend", "insert", "put", "put_nowait", "setdefault"})
_USED_UP = frozenset(
    f"builtins.{name}" for name in ("sum", "any", "all", "min", "max", "list", "dict", "set", "sorted")
)
"""Called with a generator, these go through it before they return."""


def streamed_loop(load: Load) -> tree.For | tree.CompFor | None:
    """The one loop that could go through the rows of a load as they come; None where that would change or break it."""
    if not fits_batches(load) or not _comes_in_order(load):
        return None
    usage = load.usage
    uses = [use for use in usage.uses if not use.of_row]
    text = function_text(load.domain, load.body)
    loop = _loop(load, uses[0], text) if len(uses) == 1 else None
    if loop is None or any(_is_kept(use) for use in usage.uses if use.of_row):
        return None
    whole = text.parents[loop] if isinstance(loop, tree.CompFor) else loop
    around, around_load = _around(text, whole), _around(text, load.node)
    if not {each for each in around_load if isinstance(each, tree.With | tree.Try)} <= set(around):
        return None  # what gave the session has ended
    if any(isinstance(each, tree.For | tree.While | tree.Comprehension) for each in around if each not in around_load):
        return None  # the same rows again, round after round
    if _reads_lazily(load, usage.attributes):
        return None  # with each batch go the parents that its rows have in common
    rounds = whole.body if isinstance(whole, tree.For) else (whole,)
    if any(isinstance(node, tree.Yield) for stmt in rounds for node in walk(stmt)):
        return None  # whoever gets it may do anything before the next round
    return None if may_end_result(load, [*_between(load, text, loop), *rounds]) else loop


def fits_batches(load: Load) -> bool:
    """Whether batches of what a load brings are as good as all of it at once: they cannot be made unique."""
    if load.statement is None or any(step.name == "unique" for step in load.rows.steps):
        return False
    return comes_in_batches(load.domain.evaluator, load.statement) and not repeats_entities(load)


def way_of_streaming(load: Load) -> str:
    """How the same rows come in batches, in words."""
    if load.is_legacy:
        return "a loop over the query and `.yield_per(1000)`"
    call = _streaming_call(load)
    if load.is_async:
        loop = f"`async for … in await session.{call}(…)`" if call else "`async for` over a stream"
    else:
        loop = f"a loop over `session.{call}(…)`" if call else "a loop over the result"
    return f"`execution_options(yield_per=1000)` and {loop}"


def _streaming_call(load: Load) -> str:
    """The call of the session that gives the rows as they are, one after another; "" where it is not a session's."""
    method = next((each for each in (executing_method(load.domain, call) for call in load.calls) if each), None)
    if method is None:
        return ""
    name, is_async = method
    is_row = isinstance(load.rows.element, TupleValue)
    if is_async:
        return "stream" if is_row else "stream_scalars"
    return name if name == "exec" else "execute" if is_row else "scalars"


def _comes_in_order(load: Load) -> bool:
    """Whether the rows are asked for here, one after another, as they come: not by `sorted(…)` or `set(…)`."""
    name, term = load.rows.consumer.name, load.term
    called = load.domain.value(load.node.func) if isinstance(load.node, tree.Call) else None
    if called is not None and any(isinstance(each, ProjectFunction) for each in alternatives(called)):
        return False  # a function of the project asks for them
    is_unchanged = isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path in UNCHANGED
    return name in _CONSUMERS or (name == "list" and is_unchanged)


def _loop(load: Load, use: Use, text: FunctionText) -> tree.For | tree.CompFor | None:
    """The loop that a use of the rows is, when it takes them one after another."""
    if use.deal is not Deal.ITERATED:
        return None
    node = use.node
    is_numbered = isinstance(node, tree.Call) and called_path(load.domain, node) == "builtins.enumerate"
    loop = text.parents[node] if is_numbered else node
    if not isinstance(loop, tree.For | tree.CompFor):
        return None
    term = load.domain.term(node.args[0].value if isinstance(node, tree.Call) else loop.iter)
    if term is None or not is_same(load.term, term):
        return None  # `sorted(rows)` has to have them all
    return loop if isinstance(loop, tree.For) or _is_gone_through(load, text, loop) else None


def _is_gone_through(load: Load, text: FunctionText, loop: tree.CompFor) -> bool:
    """Whether a comprehension takes all rows there and then, once: a generator may wait."""
    comprehension = text.parents.get(loop)
    if not isinstance(comprehension, tree.Comprehension) or comprehension.generators[0] is not loop:
        return False
    argument = text.parents.get(comprehension)
    call = text.parents.get(argument) if isinstance(argument, tree.Argument) else None
    if comprehension.kind != "generator":
        return True
    return isinstance(call, tree.Call) and called_path(load.domain, call) in _USED_UP


def _is_kept(use: Use) -> bool:
    """Whether a row outlives its round."""
    if use.deal is Deal.PASSED and isinstance(use.node, tree.Call) and isinstance(use.node.func, tree.Attribute):
        return use.node.func.attr in _GATHERS
    return use.deal in _KEEPS_ROWS and not isinstance(use.node, tree.Subscript)  # `row[0]` is read


def _around(text: FunctionText, node: tree.Node) -> list[tree.Node]:
    found: list[tree.Node] = []
    while node in text.parents:
        node = text.parents[node]
        found.append(node)
    return found


def _between(load: Load, text: FunctionText, loop: tree.For | tree.CompFor) -> list[tree.Expr]:
    """What is called after the statement is sent, and before the loop begins."""
    sent = next(
        (call for call in load.calls if executing_method(load.domain, call) and call in text.parents), load.node
    )
    first, last = text.expressions.index(sent), text.expressions.index(loop.iter)
    own = {*walk(sent), *walk(load.node)}
    return [each for each in text.expressions[first:last] if isinstance(each, tree.Call) and each not in own]


def _reads_lazily(load: Load, names: frozenset[str]) -> bool:
    """Whether a relationship is read of the rows that does not come with them."""
    evaluator, entity = load.domain.evaluator, load.entity
    if entity is not None and any(
        relationship_of(evaluator, entity, name) is not None
        and loading(evaluator, load.statement, entity, name) is not Loading.EAGER
        for name in names
    ):
        return True
    reads = (each for each in load.domain.subjects(RelationshipRead) if each.source.root is load.term)
    return any(each.loading is not Loading.EAGER for each in reads)
