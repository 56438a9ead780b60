"""What a process keeps: dicts, lists and sets of modules and classes, and what puts things in and takes things out.

A container is looked at only when something in the project puts things in; then all its uses are gathered, wherever they
are.  It is *kept* when nothing takes anything out, bounds it or takes it out of sight; what it keeps then comes from where
`provenance` traces the keys and elements to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.callers import is_test
from sqla_leaklint.domain.container_uses import Growth, Identity, Other, OtherUse, Use, uses_in
from sqla_leaklint.domain.endpoints import method_name
from sqla_leaklint.domain.provenance import Provenance, Trail
from sqla_leaklint.domain.sources import sources
from sqla_leaklint.domain.values import ProjectClass, Symbol
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import children, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_LITERALS = {"dict": "builtins.dict", "list": "builtins.list", "set": "builtins.set"}
_SAFE_BASES = frozenset({"builtins", "abc", "typing", "threading", "logging", "starlette", "socketio", "contextlib"})
"""Libraries whose classes leave the attributes of a class body as they are; others (pydantic) copy them for each instance."""
_NO_PLAIN_CLASS = frozenset({"typing.TypedDict", "typing.NamedTuple", "typing.Protocol"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A growth and the trail by which what is put in comes from outside."""

    growth: Growth
    trail: Trail


@dataclass(frozen=True, eq=False)
class Container:
    """A container of a module or class of this module, bound by `node` to the expression `value`."""

    domain: Domain
    identity: Identity
    node: tree.Assign | tree.AnnAssign
    value: tree.Expr

    @staticmethod
    def find(domain: Domain) -> Iterator[Container]:
        """The containers that something in the project puts things in."""
        project = domain.evaluator.project
        if project.root is None or is_test(domain.module.path, domain.evaluator):
            return
        for body, owner in _places(domain):
            for node in _definitions(body):
                container = _container(domain, node, owner)
                if container is not None and container._may_grow:
                    yield container

    @property
    def name(self) -> str:
        """As a reader knows it: `users`, `Registry.users`."""
        return f"{self.identity.owner}.{self.identity.name}" if self.identity.owner else self.identity.name

    @property
    def is_mapping(self) -> bool:
        return "builtins.dict" in self.domain.evaluator.knowledge.lineage(self.identity.type)

    @property
    def is_set(self) -> bool:
        return "builtins.set" in self.domain.evaluator.knowledge.lineage(self.identity.type)

    @property
    def is_cache(self) -> bool:
        """Whether it is a dict that is only filled and looked up, with values that can be made again."""
        if self.identity.type != "builtins.dict" or not _is_empty(self.value) or self.identity.owner:
            return False
        has_lookup = False
        for use in self.uses:
            match use:
                case Growth(value=value):
                    if value is None or not _can_be_made_again(value):
                        return False
                case OtherUse(what=Other.READ, term=t.Item()):
                    has_lookup = True
                case OtherUse(what=Other.READ, term=t.Call(func=func)) if method_name(func) == "get":
                    has_lookup = True
                case OtherUse(what=Other.MEASURED):
                    pass
                case _:
                    return False
        return has_lookup

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Every use of it in the project, tests excepted; those of its own module first."""
        return tuple(self._gathered())

    def _gathered(self) -> Iterator[Use]:
        evaluator, own = self.domain.evaluator, self.domain.module.summary
        for use in uses_in(evaluator, self.identity, own):
            yield use
            if self._ends(use):
                return  # the rest cannot change that it is looked after
        for module in evaluator.project.mentioning(self.identity.name):
            if module.path != own.path and not is_test(module.path, evaluator):
                yield from uses_in(evaluator, self.identity, module)

    def _ends(self, use: Use) -> bool:
        match use:
            case OtherUse(what=Other.REMOVED):
                return use.function is not None or use.module.path != self.identity.path
            case OtherUse(what=Other.OUT_OF_SIGHT):
                return True
            case OtherUse(what=Other.MEASURED):
                return self._is_guard(use)
            case _:
                return False

    @cached_property
    def is_looked_after(self) -> bool:
        """Whether something takes entries out, bounds it, or may do so because it is out of sight."""
        return any(self._ends(use) for use in self.uses) or self._is_aliased

    def kept(self) -> Iterator[Kept]:
        """What is put in from outside and stays."""
        if not self._may_keep:
            return
        if not any(isinstance(use, Growth) and use.function is not None for use in self.uses) or self.is_looked_after:
            return
        provenance = Provenance(self.domain.evaluator)
        for use in self.uses:
            if not isinstance(use, Growth) or use.function is None or self._is_checked(use):
                continue
            trail = provenance.trail(use.module, use.function, use.data)
            if trail is not None:
                yield Kept(use, trail)

    @property
    def _may_keep(self) -> bool:
        """Cheaply: whether what this module puts in differs from call to call, or only others put things in."""
        own = self.domain.module.summary
        growths = [use for use in uses_in(self.domain.evaluator, self.identity, own) if isinstance(use, Growth) and use.function]
        if not growths:
            return _is_empty(self.value)
        return any(True for use in growths for _ in sources(self.domain.evaluator, own, use.data))

    # --- looking at trees, for what the acts do not tell ---

    @property
    def _may_grow(self) -> bool:
        """Cheaply: whether something of that name grows in this module or, for an empty container, in another."""
        name = self.identity.name
        if name in _grown_names(self.domain.module.summary):
            return True
        if not _is_empty(self.value):
            return False
        project = self.domain.evaluator.project
        return any(name in _grown_names(module) for module in project.mentioning(name))

    def _is_guard(self, use: OtherUse) -> bool:
        """Whether the length that is asked for decides something: it is compared with other than 0, or kept in a name."""
        module = self.domain.module
        if use.module.path != module.path:
            found = self.domain.evaluator.project.module_at(use.module.path)
            if found is None:
                return True
            module = found
        body = module.executor.bodies.get(use.function.qualname if use.function is not None else "")
        if body is None:
            return True
        for node in walk(body.node):
            match node:
                case tree.Compare():
                    operands = [node.left, *(operand for _, operand in node.comparisons)]
                    is_compared = any(self._is_length(part) for operand in operands for part in walk(operand))
                    if is_compared and not any(isinstance(each, tree.Constant) and each.value == 0 for each in operands):
                        return True
                case tree.Assign() | tree.AnnAssign() | tree.NamedExpr() if node.value is not None:
                    if self._is_length(node.value):
                        return True
                case _:
                    pass
        return False

    def _is_length(self, node: tree.Node) -> bool:
        match node:
            case tree.Call(func=tree.Name(id="len"), args=(tree.Argument(value=tree.Name(id=name)),)):
                return name == self.identity.name
            case tree.Call(func=tree.Name(id="len"), args=(tree.Argument(value=tree.Attribute(attr=name)),)):
                return name == self.identity.name
            case _:
                return False

    def _is_checked(self, growth: Growth) -> bool:
        """Whether the key is looked up in another container first, which says what keys there can be."""
        module = self.domain.module if growth.module.path == self.domain.module.path else None
        if module is None:
            module = self.domain.evaluator.project.module_at(growth.module.path)
        assert growth.function is not None
        body = module.executor.bodies.get(growth.function.qualname) if module is not None else None
        if module is None or body is None:
            return False
        names = module.summary.bindings
        for node in walk(body.node):
            if not (isinstance(node, tree.Compare) and node.comparisons[0][0] in {"in", "not in"}):
                continue
            right = node.comparisons[0][1]
            if (
                isinstance(right, tree.Name)
                and right.id in names
                and right.id != self.identity.name
                and module.executor.terms.get(node.left) is growth.data
            ):
                return True
        return False

    @property
    def _is_aliased(self) -> bool:
        """Whether the body of the module or class gives the container another name, keeps it in another object or hands it
        to a call; there it is no name of module level yet."""
        module = self.domain.module
        name = self.identity.name
        if any(
            event.deed is Deed.CALLED and isinstance(event.call.func, t.Ref) and event.call.func.path == "builtins.globals"
            for body in self.domain.bodies
            for event in body.events
        ):
            return True
        body: tree.Block = module.parsed.tree.body
        if self.identity.owner:
            node = module.executor.bodies[self.identity.owner].node
            assert isinstance(node, tree.Class)
            body = node.body
        return any(_is_given(expr, name) for stmt in body for expr in _outside_functions(stmt))


@lru_cache(maxsize=4096)
def _grown_names(module: ModuleSummary) -> frozenset[str]:
    """The last names of what the functions of a module put things in."""
    found: set[str] = set()
    for function in module.functions.values():
        for act in function.acts:
            match act.deed:
                case Deed.STORED_ITEM | Deed.AUGMENTED:
                    found.update(_names(act.base))
                case Deed.STORED_ATTRIBUTE | Deed.STORED_GLOBAL:
                    if isinstance(act.key, str):
                        found.add(act.key)
                case Deed.CALLED if isinstance(act.value, t.Call):
                    func = act.value.func
                    if isinstance(func, t.Attr) and func.name in _GROWING:
                        found.update(_names(func.base))
                    elif isinstance(func, t.Ref):
                        head, _, method = func.path.rpartition(".")
                        if method in _GROWING:
                            found.add(head.rpartition(".")[2])
                    for argument in act.value.args:
                        found.update(_names(argument))
                case _:
                    pass
    return frozenset(found)


def _can_be_made_again(value: t.Term) -> bool:
    """Whether a value may be forgotten: no lock that somebody holds, no list that is still added to."""
    match value:
        case t.Await() | t.Declared() if value.value is not None:
            return _can_be_made_again(value.value)
        case t.Call(func=t.Ref(path=path)):
            return path.partition(".")[0] not in {"asyncio", "threading", "multiprocessing", "queue", "anyio", "collections"}
        case t.Collection():
            return bool(value.elements)
        case t.Join():
            return all(_can_be_made_again(part) for part in value.terms)
        case _:
            return not isinstance(value, t.Const)


_GROWING = frozenset("append appendleft extend extendleft insert add update setdefault symmetric_difference_update".split())


def _names(term: t.Term | None) -> Iterator[str]:
    match term:
        case t.Ref():
            yield term.path.rpartition(".")[2]
        case t.Attr():
            yield term.name
            if isinstance(term.base, t.Item | t.Call):
                yield from _names(term.base)
        case t.Item():
            yield from _names(term.value)
        case t.Join():
            for part in term.terms:
                yield from _names(part)
        case _:
            return


# --- definitions ------------------------------------------------------------------------------------------------------


def _places(domain: Domain) -> Iterator[tuple[tree.Block, str]]:
    yield domain.module.parsed.tree.body, ""
    for body in domain.bodies:
        if isinstance(body.node, tree.Class) and body.parent is not None and not body.parent.is_function:
            yield body.node.body, body.qualname


def _definitions(block: tree.Block) -> Iterator[tree.Assign | tree.AnnAssign]:
    """The assignments of a body that are made once, on every way or on one."""
    for stmt in block:
        match stmt:
            case tree.Assign() | tree.AnnAssign():
                yield stmt
            case tree.If() | tree.Try() | tree.With():
                for inner in tree.blocks_of(stmt):
                    yield from _definitions(inner)
            case _:
                pass


def _container(domain: Domain, node: tree.Assign | tree.AnnAssign, owner: str) -> Container | None:
    targets = node.targets if isinstance(node, tree.Assign) else (node.target,)
    if len(targets) != 1 or not isinstance(targets[0], tree.Name) or node.value is None:
        return None
    if not isinstance(node.value, tree.Display | tree.DictDisplay | tree.Comprehension | tree.Call):
        return None
    term = domain.term(node.value)
    type_name = _type_of(domain, term)
    if type_name is None or (owner and not _is_plain_class(domain, owner)):
        return None
    name = targets[0].id
    fills_itself = type_name == "collections.defaultdict"
    return Container(domain, Identity(domain.module.path, name, owner, type_name, fills_itself), node, node.value)


def _type_of(domain: Domain, term: t.Term | None) -> str | None:
    """The library class of a growing container that a term makes."""
    knowledge = domain.evaluator.knowledge
    match term:
        case t.Collection() | t.Mapped():
            return _LITERALS.get(term.kind)
        case t.Call(func=t.Ref(path=path)):
            known = knowledge.canonical(path)
            if known is None or not knowledge.is_a(known, Kind.GROWING_CONTAINER):
                return None
            if known == "collections.deque" and (len(term.args) > 1 or _is_bounded(term.keyword("maxlen"))):
                return None
            has_growth = knowledge.method(known, "append") or knowledge.method(known, "add") or knowledge.method(known, "update")
            return known if has_growth is not None and has_growth.effect is Effect.GROWS else None
        case _:
            return None


def _is_bounded(maxlen: t.Term | None) -> bool:
    return maxlen is not None and not (isinstance(maxlen, t.Const) and maxlen.value is None)


def _is_empty(value: tree.Expr) -> bool:
    match value:
        case tree.Display():
            return not value.elements
        case tree.DictDisplay():
            return not value.items
        case tree.Call():
            return True
        case _:
            return False


def _is_plain_class(domain: Domain, qualname: str) -> bool:
    """Whether what the class body binds is what all instances share."""
    cls = ProjectClass(domain.module.path, qualname)
    summary = domain.module.summary.classes.get(qualname)
    classes = domain.evaluator.classes
    if summary is None or summary.keywords or classes.is_mapped(cls):
        return False
    for base in classes.line(cls):
        if isinstance(base, Symbol):
            if base.path.partition(".")[0] not in _SAFE_BASES or base.path in _NO_PLAIN_CLASS:
                return False
            continue
        found = classes.summary(base)
        frame = classes.frame(base)
        if found is None or frame is None:
            return False
        for term in found.bases:
            if not isinstance(classes.base_class(term, frame), ProjectClass | Symbol):
                return False
    return True


def _outside_functions(stmt: tree.Stmt) -> Iterator[tree.Node]:
    """What a statement evaluates when its body is run: not the bodies of functions, but their headers."""
    pending: list[tree.Node] = [stmt]
    while pending:
        node = pending.pop()
        yield node
        match node:
            case tree.Function():
                pending.extend(node.decorators)
                pending.extend(node.params)
            case tree.Lambda():
                pass
            case tree.Class():
                pending.extend((*node.decorators, *node.args))
            case _:
                pending.extend(children(node))


def _is_given(node: tree.Node, name: str) -> bool:
    def is_it(expr: tree.Node | None) -> bool:
        return isinstance(expr, tree.Name) and expr.id == name

    match node:
        case tree.Call():
            reads = isinstance(node.func, tree.Name) and node.func.id in {"len", "list", "sorted", "set", "tuple", "print"}
            return not reads and any(is_it(argument.value) for argument in node.args)
        case tree.Assign() | tree.AnnAssign():
            return is_it(node.value)
        case tree.Display():
            return any(is_it(element) for element in node.elements)
        case tree.DictDisplay():
            return any(is_it(value) for _, value in node.items)
        case tree.Parameter():
            return is_it(node.default)
        case _:
            return False
