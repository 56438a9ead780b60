"""Who removes the session of a registry: every such place of a project, and whether it stands on a function's way out.

Terms
    *removal*: a call of `remove()` (or `close()`) of the registry, or of what may be it.  *Above*: the functions on
    whose way a function is (`above`).  *Everywhere*: what
    a framework runs after every request or task (`@app.teardown_appcontext`, `task_postrun.connect(…)`, a middleware)
    is on everybody's way.

    def removing(function):                     # above `run`: it is nested here; and so is `sync`, below the decorator
        def run(*args):
            try:
                return function(*args)
            finally:
                Session.remove()                # on the way out of `sync`, not on that of other workers
        return run

    @removing
    def sync(): …

What is not known counts as a removal on everybody's way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import calls_naming, last_name, users
from sqla_leaklint.domain.application.endpoints import decorations, is_provider, method_name
from sqla_leaklint.domain.application.workers import is_run_of_thread
from sqla_leaklint.domain.handed_over.handoffs import handoff_names, handoff_row
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.linking.decorators import PLAIN_DECORATORS, decoration_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.registries.above import Above, Key, all_above, key_of
from sqla_leaklint.domain.registries.definitions import Registry, registry_names, registry_of
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction, Symbol, Unknown, Value, alternatives
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_ENDING = ("close", "commit", "remove", "rollback")

_ON_ITS_OWN = frozenset(
    {
        Decoration.CONTEXT_MANAGER,
        Decoration.ASYNC_CONTEXT_MANAGER,
        Decoration.ENDPOINT,
        Decoration.WEBSOCKET_ENDPOINT,
        Decoration.TASK,
        Decoration.COMMAND,
        Decoration.FIXTURE,
        Decoration.LIFECYCLE,
        Decoration.TRANSPARENT,
        Decoration.CACHED,
    }
)
"""What these decorators make of a function is run for itself, not round the work of others."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A function that ends the session of a registry: by `remove` or `close`, or only its transaction."""

    module: ModuleSummary
    function: FunctionSummary | None
    only_transaction: bool
    is_given: bool = False
    """Whether `registry.remove` itself is handed to somebody who will call it."""

    @property
    def key(self) -> Key | None:
        return (self.module.path, self.function.qualname) if self.function is not None else None


_MEMO: Memo[Evaluator, dict[tuple[str, t.Call], tuple[tuple[Removal, ...], Above]]] = Memo(lambda _: {})


class Removals:
    """Answers for one registry; its removals are gathered once in a run."""

    def __init__(self, evaluator: Evaluator, registry: Registry) -> None:
        self._evaluator = evaluator
        self._registry = registry
        # A registry that has a session for every task keeps it when it is closed.
        self._removing = {"remove"} if registry.is_async else {"remove", "close"}
        known = _MEMO.of(evaluator)
        key = (registry.path, registry.maker)
        if key not in known:
            known[key] = (tuple(dict.fromkeys(self._gathered())), {})
        self._removals, self._above = known[key]

    def on_way_out(
        self, module: ModuleSummary, function: FunctionSummary, *, of_transaction: bool, of_request: bool
    ) -> Removal | None:
        """What else than the function itself may remove the session when the function is done.

        `of_transaction`: that its transaction is ended is enough.  `of_request`: the function is run for a request, so
        that middlewares and dependencies are on its way.
        """
        own = (module.path, function.qualname)
        above = all_above(self._evaluator, module, function, self._above, is_entry=True)
        for removal in self._removals:
            if removal.only_transaction and not of_transaction:
                continue
            key = removal.key
            if key == own and not removal.is_given:
                continue
            if key is None or above is None or key == own or key in above:
                return removal
            if not removal.only_transaction and self._is_everywhere(removal, of_request=of_request):
                return removal
            assert removal.function is not None
            others = all_above(self._evaluator, removal.module, removal.function, self._above, is_entry=False)
            if others is None or own in others or above & others:
                return removal
            if self._may_be_called_by(module, function, removal.function):
                return removal
        return None

    # --- where it is removed ---

    def _gathered(self) -> Iterator[Removal]:
        evaluator = self._evaluator
        module = evaluator.project.summary_at(self._registry.path)
        if module is None:
            return
        for name in _ENDING:
            for user in users(evaluator, module, f".{name}"):
                frame = evaluator.frame(user)
                names = registry_names(evaluator, user)
                for function, act in user.mentions():
                    if act.deed is Deed.CALLED and isinstance(act.value, t.Call):
                        yield from self._in_call(user, function, act.value, name, frame, names)
        bound = [name for name, term in module.bindings.items() if self._registry.maker in roots_of(term)]
        for name in bound:
            for user in users(evaluator, module, name):
                yield from self._given_to_libraries(user, name)

    def _given_to_libraries(self, module: ModuleSummary, name: str) -> Iterator[Removal]:
        """Where the registry itself is given to a library, which may do with it what it likes."""
        evaluator, frame = self._evaluator, self._evaluator.frame(module)
        for function, act in module.mentions():
            call = act.value
            if act.deed is not Deed.CALLED or not isinstance(call, t.Call):
                continue
            given = [each for each in call.args if last_name(each) == name or each is self._registry.maker]
            if not any(registry_of(evaluator, each, frame) == self._registry for each in given):
                continue
            callees = alternatives(evaluator.of(call.func, frame))
            if handoff_row(evaluator, call, frame) is None and any(_may_remove(callee) for callee in callees):
                yield Removal(module, function, only_transaction=False, is_given=True)

    def _in_call(
        self,
        module: ModuleSummary,
        function: FunctionSummary | None,
        call: t.Call,
        name: str,
        frame: Frame,
        names: frozenset[str],
    ) -> Iterator[Removal]:
        if method_name(call.func) == name and not call.args and self._is_ours(call.func, name, frame, names):
            yield Removal(module, function, name not in self._removing)
        if name in self._removing:
            for argument in (*call.args, *(value for _, value in call.keywords)):
                if method_name(argument) == name and self._is_ours(argument, name, frame, names):
                    yield Removal(module, function, only_transaction=False, is_given=True)

    def _is_ours(self, method: t.Term, name: str, frame: Frame, names: frozenset[str]) -> bool:
        """Whether a method is this registry's: of the registry, or of what it makes, or of what may be one of them."""
        match method:
            case t.Attr():
                receiver: t.Term = method.base
            case t.Ref():
                receiver = t.Ref(method.path.rpartition(".")[0])
            case _:
                return False
        return self._is_ours_or_unknown(receiver, name, frame, names)

    def _is_ours_or_unknown(self, receiver: t.Term, name: str, frame: Frame, names: frozenset[str]) -> bool:
        found = registry_of(self._evaluator, receiver, frame)
        if found is not None:
            return found == self._registry
        if isinstance(receiver, t.Call):
            made_by = registry_of(self._evaluator, receiver.func, frame)
            if made_by is not None:
                return made_by == self._registry
        if name != "remove" and last_name(receiver) not in names:
            return False
        # Nothing but a registry has a `remove` without arguments.
        return any(isinstance(each, Unknown) for each in alternatives(self._evaluator.of(receiver, frame)))

    # --- on whose way ---

    def _is_everywhere(self, removal: Removal, *, of_request: bool) -> bool:
        """Whether somebody who is not seen runs a function: a framework, after every request or task."""
        evaluator, module, function = self._evaluator, removal.module, removal.function
        assert function is not None
        if removal.is_given or function.name == "<lambda>" or self._is_of_wrapping_object(module, function):
            return True
        if self._is_of_requests(module, function):
            return of_request
        frame = evaluator.frame(module)
        for decorator in function.decorators:
            decoration = decoration_of(evaluator, decorator, frame)
            if decoration is not None and decoration not in _ON_ITS_OWN:
                return True
            if decoration is None and not self._is_harmless(decorator, frame):
                return True
        if function.owner is not None and self._is_called_by_library(module, function):
            return True
        return self._is_given_away(module, function)

    def _is_of_requests(self, module: ModuleSummary, function: FunctionSummary) -> bool:
        """Whether a function is run for requests alone: a dependency, or a middleware of FastAPI."""
        if function.owner is not None and [each.name for each in function.parameters[1:4]] == _ASGI:
            return True
        if Decoration.MIDDLEWARE in decorations(self._evaluator, module, function):
            return True
        return is_provider(self._evaluator, module, function)

    def _is_of_wrapping_object(self, module: ModuleSummary, function: FunctionSummary) -> bool:
        """Whether a function is made by a method of Python's own, as where an object is a decorator."""
        outer = module.functions.get(function.scope or "")
        while outer is not None:
            if outer.owner is not None and outer.name.startswith("__"):
                return True
            outer = module.functions.get(outer.scope or "")
        return False

    def _is_harmless(self, decorator: t.Term, frame: Frame) -> bool:
        value = self._evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
        return isinstance(value, ProjectFunction) or (isinstance(value, Symbol) and value.path in PLAIN_DECORATORS)

    def _is_called_by_library(self, module: ModuleSummary, method: FunctionSummary) -> bool:
        """Whether a method may be called by who is not seen: one of Python's own, or of a class that extends others."""
        if method.name.startswith("__") and method.name != "__init__":
            return True
        if is_run_of_thread(self._evaluator, module, method):
            return False
        assert method.owner is not None
        cls = ProjectClass(module.path, method.owner)
        summary = self._evaluator.classes.summary(cls)
        line = self._evaluator.classes.line(cls)
        outside = [base for base in line if isinstance(base, Symbol) and base.path not in _PLAIN_BASES]
        is_known = summary is None or len(line) > 1 or not summary.bases
        return bool(outside) or not is_known

    def _is_given_away(self, module: ModuleSummary, function: FunctionSummary) -> bool:
        """Whether a function is given, for itself, to anybody but who runs it as work of its own."""
        evaluator = self._evaluator
        wanted = (module.path, function.qualname)
        work = handoff_names(evaluator.knowledge)
        for user in users(evaluator, module, function.name):
            frame = evaluator.frame(user)
            for _, act in user.mentions():
                given: tuple[t.Term, ...] = ()
                if act.deed is Deed.CALLED and isinstance(act.value, t.Call):
                    call = act.value
                    given = (*call.args, *(value for _, value in call.keywords))
                elif act.deed in _STORING:
                    given = (act.value,)
                if not any(last_name(each) == function.name for each in given):
                    continue
                if any(key_of(value) == wanted for each in given for value in alternatives(evaluator.of(each, frame))):
                    is_work = act.deed is Deed.CALLED and method_name(call.func) in work
                    if not (is_work and handoff_row(evaluator, call, frame) is not None):
                        return True
        return False

    def _may_be_called_by(self, module: ModuleSummary, function: FunctionSummary, other: FunctionSummary) -> bool:
        """Whether a function calls something of another's name that is not known."""
        frame = self._evaluator.frame(module)
        prefix = f"{function.qualname}."
        for caller, call in calls_naming(module).get(other.name, ()):
            if caller is not None and (caller is function or caller.qualname.startswith(prefix)):
                values = alternatives(self._evaluator.of(call.func, frame))
                if any(not isinstance(value, ProjectFunction | ProjectClass | Symbol) for value in values):
                    return True
        return False


def _may_remove(callee: Value) -> bool:
    """Whether what is called may be a library's that removes a registry which it is given."""
    if isinstance(callee, Symbol):
        return callee.path.partition(".")[0] not in {"sqlalchemy", "sqlmodel", "builtins", "typing"}
    return not isinstance(callee, ProjectFunction | ProjectClass)


_ASGI = ["scope", "receive", "send"]
_STORING = frozenset({Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM, Deed.STORED_GLOBAL, Deed.AUGMENTED})
_PLAIN_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "enum.Enum"})
