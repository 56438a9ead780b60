"""Control flow through `try` and `with`: what waits in their frames, and how it goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqla_leaklint.flow.assembly import INTERCEPTS_CLEANUP, INTERCEPTS_HANDLERS, Assembler, Frame, Frontier, Loose
from sqla_leaklint.flow.cfg import Completion, EdgeKind, StepKind
from sqla_leaklint.flow.conditions import evaluate
from sqla_leaklint.flow.exceptions import Catch, any_raises, catches, raised_by
from sqla_leaklint.syntax import tree

# A `finally` within a `finally` is built once for each way into each: up to 64 times.  Further in, all ways share
# one copy, at whose end the graph does not know any more which of them it was.
_MAX_SEPARATE_FINALLY = 2


class _Caught(NamedTuple):
    """The exception at hand where the builder is: what a bare `raise`, or `raise name`, raises again."""

    completions: tuple[Completion, ...]
    name: str | None


class _WayOut(NamedTuple):
    """How a body is left, and the loose ends on which it is."""

    completion: Completion
    loose_ends: Frontier


class Cleanup(ABC):
    """The part of the builder that knows `try` and `with`."""

    def __init__(self, asm: Assembler) -> None:
        self.asm = asm
        self._caught: list[_Caught] = []
        self._finally_depth = 0

    @abstractmethod
    def block(self, block: tree.Block) -> None:
        """Build the statements at the frontier."""

    def raised(self, stmt: tree.Raise) -> tuple[Completion, ...]:
        """Return the kinds of exceptions that a `raise` may raise."""
        if stmt.exc is None:
            return self._caught[-1].completions if self._caught else (Completion.EXCEPTION,)
        if isinstance(stmt.exc, tree.Name):
            for caught in reversed(self._caught):
                if caught.name == stmt.exc.id:
                    return caught.completions
        return (raised_by(stmt.exc),)

    # --- with ---------------------------------------------------------------------------------------------------------

    def with_items(self, stmt: tree.With, position: int) -> None:
        """Build the contexts from `position` on, each inside the one before, and the body in the last."""
        if position == len(stmt.items):
            self.block(stmt.body)
            return
        asm = self.asm
        item = stmt.items[position]
        evaluate(asm, item.context)
        enter = asm.add(StepKind.WITH_ENTER, item)
        asm.may_raise(enter, item.context)
        if stmt.is_async:
            asm.depart_from(enter, Completion.CANCELLATION)
        frame = Frame(INTERCEPTS_CLEANUP)
        asm.frames.append(frame)
        if item.target is not None and not isinstance(item.target, tree.Name):
            # The binding is protected by the context already.
            bind = asm.add(StepKind.WITH_BIND, item)
            asm.may_raise(bind, item.target, acts=isinstance(item.target, tree.Display))
        self.with_items(stmt, position + 1)
        asm.frames.pop()
        after: Frontier = []
        for completion, waiting in _ways_out(asm.frontier, frame):
            after += self._leave_context(stmt, item, completion, waiting)
        asm.frontier = after

    def _leave_context(
        self, stmt: tree.With, item: tree.WithItem, completion: Completion, waiting: Frontier
    ) -> Frontier:
        """Build one WITH_EXIT; return the loose ends that go on after the statement."""
        asm = self.asm
        asm.frontier = waiting
        step = asm.add(StepKind.WITH_EXIT, item, completion)
        if asm.everything_raises or asm.policy.may_raise(stmt):
            asm.depart_from(step, Completion.EXCEPTION)
        if stmt.is_async:
            asm.depart_from(step, Completion.CANCELLATION)
        fallen_through = [Loose(step, EdgeKind.NORMAL)]
        if completion is Completion.NORMAL:
            return fallen_through
        asm.depart_from(step, completion)
        suppresses = completion.is_exceptional and asm.policy.may_suppress(item, completion)
        return fallen_through if suppresses else []

    # --- try ----------------------------------------------------------------------------------------------------------

    def try_(self, stmt: tree.Try) -> None:
        if not stmt.finalbody:
            self._try_without_finally(stmt)
            return
        frame = Frame(INTERCEPTS_CLEANUP)
        self.asm.frames.append(frame)
        self._try_without_finally(stmt)
        self.asm.frames.pop()
        ways_out = list(_ways_out(self.asm.frontier, frame))
        if self._finally_depth < _MAX_SEPARATE_FINALLY:
            self.asm.frontier = [loose for way_out in ways_out for loose in self._finally(stmt, [way_out])]
        elif ways_out:
            self.asm.frontier = self._finally(stmt, ways_out)

    def _finally(self, stmt: tree.Try, ways_in: Sequence[_WayOut]) -> Frontier:
        """Build the `finally` block for some ways into it; return the loose ends that go on after the statement."""
        asm = self.asm
        completions = [way_in.completion for way_in in ways_in]
        only = completions[0] if len(completions) == 1 else None
        asm.frontier = [loose for way_in in ways_in for loose in way_in.loose_ends]
        raised = tuple(completion for completion in completions if completion.is_exceptional)
        if raised:
            self._caught.append(_Caught(raised, None))
        outer, asm.completion = asm.completion, only
        self._finally_depth += 1
        self.block(stmt.finalbody)
        self._finally_depth -= 1
        if raised:
            self._caught.pop()
        after = asm.frontier
        if after and only is not Completion.NORMAL:
            after = self._resume(stmt, completions)
        asm.completion = outer
        return after

    def _resume(self, stmt: tree.Try, completions: Iterable[Completion]) -> Frontier:
        step = self.asm.add(StepKind.RESUME, stmt)
        after: Frontier = []
        for completion in completions:
            if completion is Completion.NORMAL:
                after.append(Loose(step, EdgeKind.NORMAL))
            else:
                self.asm.depart_from(step, completion)
        return after

    def _try_without_finally(self, stmt: tree.Try) -> None:
        if not stmt.handlers:
            self.block(stmt.body)
            self.block(stmt.orelse)
            return
        asm = self.asm
        frame = Frame(INTERCEPTS_HANDLERS)
        asm.frames.append(frame)
        # Who writes a handler knows that something can fail, be it arithmetic.
        outer = asm.everything_raises
        asm.everything_raises = outer or not any_raises(stmt.body, asm.policy)
        self.block(stmt.body)
        asm.everything_raises = outer
        asm.frames.pop()
        self.block(stmt.orelse)
        after = asm.frontier
        asm.frontier = after + (self._handle_group(stmt, frame) if stmt.is_star else self._handle(stmt, frame))

    def _handle(self, stmt: tree.Try, frame: Frame) -> Frontier:
        """Build the handlers; return the loose ends of their bodies."""
        asm = self.asm
        taken: list[dict[Completion, Loose]] = [{} for _ in stmt.handlers]
        for completion, arriving in _ways_out([], frame):
            waiting = arriving
            for place, handler in enumerate(stmt.handlers):
                catch = catches(handler.type, completion)
                if catch is Catch.NEVER:
                    continue
                asm.frontier = waiting
                step = asm.add(StepKind.HANDLER, handler, completion)
                taken[place][completion] = Loose(step, EdgeKind.TRUE)
                waiting = [] if catch is Catch.ALWAYS else [Loose(step, EdgeKind.FALSE)]
                if not waiting:
                    break
            # What no handler takes goes on as what it is, be it from a handler that refused it.
            refused = [Loose(source, completion.edge_kind) for source, _ in waiting]
            asm.depart(completion, refused)
        after: Frontier = []
        for handler, arrivals in zip(stmt.handlers, taken, strict=True):
            asm.frontier = list(arrivals.values())
            self._caught.append(_Caught(tuple(arrivals), handler.name))
            self.block(handler.body)
            self._caught.pop()
            after += asm.frontier
        return after

    def _handle_group(self, stmt: tree.Try, frame: Frame) -> Frontier:
        """Build the handlers of `except*`: each may take a part, and what is raised in one does not stop the next.

        After the last, what is left and what was raised goes on together; the graph does not keep apart the way on
        which nothing was taken, so it has ways that fall through although no handler took anything.
        """
        asm = self.asm
        asm.frontier = []
        going_on: list[Completion] = []
        for completion, waiting in _ways_out([], frame):
            answers = {catches(handler.type, completion) for handler in stmt.handlers}
            if answers == {Catch.NEVER}:
                asm.depart(completion, waiting)
                continue
            asm.frontier = asm.frontier + waiting
            if Catch.ALWAYS not in answers:
                going_on.append(completion)
        if not asm.frontier:
            return []
        arriving = tuple(frame.pending)
        for handler in stmt.handlers:
            step = asm.add(StepKind.HANDLER, handler)
            raised = Frame(INTERCEPTS_HANDLERS)
            asm.frontier = [Loose(step, EdgeKind.TRUE)]
            asm.frames.append(raised)
            self._caught.append(_Caught(arriving, handler.name))
            self.block(handler.body)
            self._caught.pop()
            asm.frames.pop()
            asm.frontier = [*asm.frontier, Loose(step, EdgeKind.FALSE)]
            for completion, waiting in _ways_out([], raised):
                asm.frontier = asm.frontier + waiting
                going_on.append(completion)
        return self._resume(stmt, [Completion.NORMAL, *dict.fromkeys(going_on)])


def _ways_out(fallen_through: Frontier, frame: Frame) -> Iterator[_WayOut]:
    if fallen_through:
        yield _WayOut(Completion.NORMAL, fallen_through)
    for completion in Completion:
        if waiting := frame.taken(completion):
            yield _WayOut(completion, waiting)
