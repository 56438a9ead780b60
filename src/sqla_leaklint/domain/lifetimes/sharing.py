"""Who uses a session that the process keeps: the functions of the project, and what each does with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import is_provider, method_name
from sqla_leaklint.domain.containers.identity import Holder, Identity, Matcher
from sqla_leaklint.domain.lifetimes.arriving import uses_of_receiver
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing
from sqla_leaklint.domain.lifetimes.holdings import Held
from sqla_leaklint.domain.lifetimes.kept import Keeper, Kept
from sqla_leaklint.domain.lifetimes.uses import DEFAULT_TYPE, uses_in
from sqla_leaklint.domain.values import Origin, ProjectClass, ProjectFunction, ProjectInstance, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_CONSUMING = frozenset({Doing.RUNS_SQL, Doing.QUEUES, Doing.YIELDS, Doing.RETURNS})
"""What a function does for which there has to be a session; handing it to somebody unknown is no evidence."""


@dataclass(frozen=True, slots=True)
class SharedUse:
    """A function that has to do with the session; `function` is None for the body of a module."""

    module: ModuleSummary
    function: FunctionSummary | None
    doings: frozenset[Doing]

    @property
    def consumes(self) -> bool:
        return bool(self.doings & _CONSUMING)

    @property
    def releases(self) -> bool:
        """Whether the function closes it, or sees to it that it is closed."""
        return bool(self.doings & RELEASES) or Doing.DEFERS in self.doings


def shared_uses(domain: Domain, kept: Kept, held: Held) -> Iterator[SharedUse]:
    """The functions, tests excepted, that use a session which is kept as, or held by, what a call gives."""
    session_type = domain.evaluator.classes.library_type(held.opening.instance) or DEFAULT_TYPE
    search = _Search(domain, kept, session_type)
    if held.holder is not None:
        yield from search.by_methods(held.holder, held.attribute)
    elif kept.keeper is Keeper.DEFAULT:
        yield from search.by_default()
    else:
        yield from search.by_name()


_FROM_PACKAGE = frozenset({"from . import", "from .. import"})


class _Search:
    def __init__(self, domain: Domain, kept: Kept, session_type: str) -> None:
        self.domain = domain
        self.evaluator: Evaluator = domain.evaluator
        self.kept = kept
        self.session_type = session_type

    # --- an object has it ---

    def by_methods(self, holder: ProjectClass, attribute: str) -> Iterator[SharedUse]:
        """The methods of the class, and of its bases, that use what their object holds."""
        for base in self.evaluator.classes.line(holder):
            module = self.evaluator.project.summary_at(base.path) if isinstance(base, ProjectClass) else None
            if module is None or not isinstance(base, ProjectClass):
                continue
            for method in module.functions.values():
                if method.owner == base.qualname and method.parameters:
                    found = self._of_method(module, method, holder, attribute)
                    if found.doings:
                        yield found

    def _of_method(
        self, module: ModuleSummary, method: FunctionSummary, holder: ProjectClass, attribute: str
    ) -> SharedUse:
        receiver = ProjectInstance(holder, Origin.PARAMETER)
        function = ProjectFunction(module.path, method.qualname, receiver)
        uses = uses_of_receiver(self.evaluator, function, frozenset({attribute}), self.session_type)
        return SharedUse(module, method, frozenset(use.doing for use in uses))

    # --- a parameter is it ---

    def by_default(self) -> Iterator[SharedUse]:
        """The function itself and, where it is a constructor that stores it, the methods of its class."""
        module = self.domain.module.summary
        function = module.functions.get(self.kept.owner)
        if function is None:
            return
        seed = t.Param(function.qualname, self.kept.name)
        uses = uses_in(self.evaluator, module, function, seed, session_type=self.session_type)
        yield SharedUse(module, function, frozenset(use.doing for use in uses))
        for attribute in sorted({name for use in uses if use.doing is Doing.HOLDS for name in use.attributes}):
            yield from self.by_methods(ProjectClass(module.path, function.owner or ""), attribute)

    # --- a name is it ---

    def by_name(self) -> Iterator[SharedUse]:
        """The functions that name it, in whatever module; the bodies of modules too."""
        own = self.domain.module.summary
        provider = own.functions.get(self.kept.owner) if self.kept.keeper is Keeper.MEMO else None
        if provider is not None and is_provider(self.evaluator, own, provider):
            yield SharedUse(own, provider, frozenset({Doing.RETURNS}))
        for user in self._users(own):
            matches = self._matcher(user)
            for function in user.functions.values():
                terms = [*(act.value for act in function.acts), *function.returns, *function.yields]
                seeds = self._seeds(terms, matches)
                if seeds:
                    yield self._of(user, function, seeds)
                elif self.kept.keeper is Keeper.CLASS and function.owner is not None and function.parameters:
                    yield from self._of_own_method(user, function)
            if self._seeds([act.value for act in user.acts], matches, only_calls=True):
                yield SharedUse(user, None, frozenset({Doing.RUNS_SQL}))

    def _users(self, own: ModuleSummary) -> list[ModuleSummary]:
        """The modules that may name it: they name its module as well, its class, or a package that passes it on."""
        project, kept = self.evaluator.project, self.kept
        if project.root is None:
            return [own]
        words = {"state"} if kept.keeper is Keeper.STATE else {own.name.rpartition(".")[2]}
        if kept.keeper is Keeper.CLASS:
            words.add(kept.owner.rpartition(".")[2])
        if own.is_package:
            words.update(_FROM_PACKAGE)
        users = self._mentioning(words)
        passing_on = {user.name.rpartition(".")[2] for user in users if user.is_package and kept.name in user.bindings}
        return self._mentioning(words | passing_on | _FROM_PACKAGE) if passing_on - words else users

    def _mentioning(self, words: set[str]) -> list[ModuleSummary]:
        """The modules that name it together with one of some words, and its own."""
        own, project = self.domain.module.summary, self.evaluator.project
        found = project.mentioning(self.kept.name, and_any_of=words, and_tests=False)
        return [own, *(user for user in found if user is not own)]

    def _of_own_method(self, user: ModuleSummary, method: FunctionSummary) -> Iterator[SharedUse]:
        """A method of the class that keeps it, or of one that extends it."""
        cls = ProjectClass(user.path, method.owner or "")
        if ProjectClass(self.domain.module.path, self.kept.owner) in self.evaluator.classes.line(cls):
            found = self._of_method(user, method, cls, self.kept.name)
            if found.doings:
                yield found

    def _of(self, module: ModuleSummary, function: FunctionSummary, seeds: list[t.Term]) -> SharedUse:
        doings = {
            use.doing
            for seed in seeds
            for use in uses_in(self.evaluator, module, function, seed, session_type=self.session_type)
        }
        return SharedUse(module, function, frozenset(doings))

    def _seeds(
        self, terms: list[t.Term], matches: Callable[[t.Term], t.Term | None], *, only_calls: bool = False
    ) -> list[t.Term]:
        """The parts of terms that are the session; with `only_calls`, where a method of it is called."""
        found: dict[object, t.Term] = {}
        for each in t.all_in(terms):
            if only_calls and not isinstance(each, t.Call):
                continue
            part = each.func if only_calls and isinstance(each, t.Call) else each
            seed = matches(part)
            if seed is not None and not (only_calls and seed is part):
                found[seed.path if isinstance(seed, t.Ref) else id(seed)] = seed
        return list(found.values())

    def _matcher(self, user: ModuleSummary) -> Callable[[t.Term], t.Term | None]:
        """Gives the session that a term is, or that the path of a term begins with."""
        kept = self.kept
        if kept.keeper is Keeper.STATE:
            return self._of_state
        if kept.keeper is Keeper.MEMO:
            return lambda term: term if self._calls_memoised(term, user) else None
        is_of_class = kept.keeper is Keeper.CLASS
        holder = Holder.CLASS if is_of_class else Holder.MODULE
        identity = Identity(self.domain.module.path, kept.name, kept.owner if is_of_class else "", "", False, holder)
        matcher = Matcher(self.evaluator, identity, user)
        known: dict[str, bool] = {}

        def match(term: t.Term) -> t.Term | None:
            match term:
                case t.Ref(path=path) if kept.name in path:
                    parts = path.split(".")
                    for length in range(len(parts), 0, -1):
                        if parts[length - 1] != kept.name:
                            continue
                        head = ".".join(parts[:length])
                        if head not in known:
                            known[head] = matcher.is_path(head)
                        if known[head]:
                            return term if length == len(parts) else t.Ref(head)
                case t.Attr(name=name) if name == kept.name and matcher.is_it(term) and matcher.is_surely(term):
                    return term
                case _:
                    pass
            return None

        return match

    def _of_state(self, term: t.Term) -> t.Term | None:
        match term:
            case t.Attr(base=t.Attr(base=t.Attr(name="app") | t.Param(name="app"), name="state"), name=name):
                return term if name == self.kept.name else None
            case t.Attr(base=t.Ref(path=path), name=name) if name == self.kept.name and path.endswith(".state"):
                return term
            case t.Ref(path=path) if f".state.{self.kept.name}" in path:
                head, found, rest = path.partition(f".state.{self.kept.name}")
                if rest == "":
                    return term
                return t.Ref(head + found) if rest.startswith(".") else None
            case _:
                return None

    def _calls_memoised(self, term: t.Term, user: ModuleSummary) -> bool:
        if not isinstance(term, t.Call) or method_name(term.func) != self.kept.name:
            return False
        wanted = (self.domain.module.path, self.kept.owner)
        return any(
            isinstance(value, ProjectFunction) and (value.path, value.qualname) == wanted
            for value in alternatives(self.evaluator.of(term.func, self.evaluator.frame(user)))
        )
