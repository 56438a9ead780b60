"""A dependency that yields a session, entered by hand: `with contextmanager(get_db)() as db:`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.own_session.wrapping import module_to_import, name_of
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.fixes.provider_block import is_free

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.values import ProjectFunction
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.syntax.spans import SourceMap


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """The provider by the name that a module has for it, or can import from `module` ("" where nothing has to be)."""

    domain: Domain
    name: str
    module: str
    is_async: bool

    @staticmethod
    def of(domain: Domain, provider: ProjectFunction) -> ProviderContext | None:
        """The provider, if it can be called without arguments and the module can name it."""
        source = domain.evaluator.classes.function(provider)
        if source is None or not source.is_generator or source.parameters or source.decorators:
            return None
        name = name_of(domain, provider)
        module = "" if name is not None else module_to_import(domain, provider)
        return (
            ProviderContext(domain, name or provider.qualname, module, source.is_async) if module is not None else None
        )

    @property
    def manager(self) -> str:
        """The decorator of `contextlib` that makes a context manager of it."""
        return "asynccontextmanager" if self.is_async else "contextmanager"

    @property
    def root(self) -> str:
        """The name by which a body comes to it."""
        return self.name.partition(".")[0]

    def is_nameable_in(self, body: Body) -> bool:
        """Whether its name, and its decorator's, mean in a body what they mean, or will, in the module."""
        return self.root not in body.local_names and is_free(self.domain, body, self.manager)

    def opening(self, session: str) -> str:
        """The line that enters it and calls the session that."""
        return f"{'async with' if self.is_async else 'with'} {self.manager}({self.name})() as {session}:"

    def imports(self, source: SourceMap) -> Iterator[TextEdit]:
        """What the line needs besides."""
        module = self.domain.module.parsed.tree
        yield from import_edits(source, module, "contextlib", self.manager)
        if self.module:
            yield from import_edits(source, module, self.module, self.name)
