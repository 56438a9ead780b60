"""Values in a few words: what `reveal_value` prints in specs, and what people read."""

from __future__ import annotations

from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Clause,
    Conditional,
    Dependency,
    Entity,
    Generator,
    Instance,
    Literal,
    Manager,
    ManagerFactory,
    Many,
    ModelAttribute,
    ModuleValue,
    OneOf,
    Partial,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    ResultValue,
    Rows,
    Statement,
    Super,
    Symbol,
    TupleValue,
    Unknown,
    Value,
)


def described(value: Value) -> str:
    """A value in a few words: "AsyncSession (fresh)", "list[User]", "unknown: parameter `q`"."""
    match value:
        case Unknown():
            return f"unknown: {value.reason}"
        case Literal():
            return repr(value.value)
        case Symbol():
            return value.path
        case ModuleValue():
            return "module"
        case ProjectFunction():
            return f"function {value.qualname}"
        case ProjectClass():
            return f"class {value.qualname}"
        case Instance():
            made = f"[{described_type(value.makes)}]" if value.makes is not None else ""
            return f"{_short(value.type)}{made} ({value.origin.value})"
        case ProjectInstance():
            return f"{value.cls.qualname} ({value.origin.value})"
        case Super():
            return f"super of {value.cls.name}"
        case BoundMethod():
            return f"method {described_type(value.receiver)}.{value.name}"
        case Partial():
            return f"partial({described(value.function)})"
        case ManagerFactory():
            return f"context manager function of {described(value.function)}"
        case Manager():
            return f"context manager of {described(value.value)}"
        case Awaitable():
            return f"awaitable of {described(value.value)}"
        case Generator():
            return f"iterator of {described(value.element)}"
        case Many():
            return f"collection of {described(value.element)}"
        case TupleValue():
            return f"({', '.join(map(described, value.elements))})"
        case Dependency():
            return f"dependency on {described(value.provider)}"
        case Entity():
            return f"{value.model.qualname} entity" if value.is_loaded else f"new {value.model.qualname}"
        case ModelAttribute():
            return f"{value.model.qualname}.{value.name}"
        case Clause():
            return f"clause {value.operator}({', '.join(map(described, value.operands))})"
        case Conditional():
            return f"perhaps {described(value.value)}"
        case Statement():
            return f"{_short(value.type)} of {_projections(value)}"
        case ResultValue():
            rows = "scalars" if value.is_scalar else "rows"
            return f"{_short(value.type)} of {rows} of {_projections(value.statement)}"
        case Rows():
            return f"{value.consumer.fetch.value} of {_projections(value.statement)}"
        case OneOf():
            return " | ".join(sorted(map(described, value.values)))


def described_type(value: Value) -> str:
    """The class of a value alone."""
    match value:
        case Instance():
            return _short(value.type)
        case ProjectInstance():
            return value.cls.qualname
        case _:
            return described(value)


def _projections(statement: Statement | None) -> str:
    if statement is None:
        return "an unknown statement"
    parts = [each.qualname if isinstance(each, ProjectClass) else described(each) for each in statement.projections]
    return ", ".join(parts) or "nothing"


def _short(path: str) -> str:
    return path.rpartition(".")[2]
