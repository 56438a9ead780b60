"""The project on disk: which module is which file, what it says (its summary), and who mentions a name.

Modules are found as Python finds them, from the place of the module that imports: its own source root first (the folder
above its
topmost package), then every folder above it up to the project's root, and their `src`.  So two services of one
repository may both have a package `app`.  Files are read when they are first asked for, and never twice.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqla_leaklint.semantic.adopting import adopt
from sqla_leaklint.semantic.execution import Executor
from sqla_leaklint.semantic.places import Place, is_test_file, place_of
from sqla_leaklint.semantic.source_roots import inner_roots
from sqla_leaklint.semantic.summary import ModuleSummary, summarise
from sqla_leaklint.semantic.terms import Ref, Term
from sqla_leaklint.syntax.parse import ParsedModule, parse_source
from sqla_leaklint.syntax.source import Source, SourceError, read_source

KEPT_SOURCE_CHARACTERS = 3_000_000
"""How much source text may have its tree kept in memory; a libcst tree is about sixty times its source."""


@dataclass(slots=True, eq=False)
class Module:
    """A module that has been parsed and executed symbolically."""

    parsed: ParsedModule
    executor: Executor
    summary: ModuleSummary

    @property
    def path(self) -> str:
        return self.summary.path


class Project:
    """The modules below a root; without a root, every module stands alone."""

    def __init__(self, root: Path | None, files: Iterable[Path] = ()) -> None:
        self.root = root.resolve() if root is not None else None
        self._files = files
        self._texts: dict[str, int] = {}
        self._summaries: dict[str, ModuleSummary | None] = {}
        self._places: dict[str, Place] = {}
        self._kept: OrderedDict[str, Module] = OrderedDict()
        self._kept_characters = 0
        self._resolved: dict[tuple[str, str], tuple[str, int] | None] = {}
        self._search_paths: dict[str, tuple[str, ...]] = {}
        self._bytes: dict[str, bytes] = {}
        self._paths: tuple[str, ...] | None = None
        self._matching: dict[str, tuple[str, ...]] = {}
        self._mentioning: dict[tuple[bytes, str, bool], tuple[str, ...]] = {}
        self._tests: dict[str, bool] = {}
        self._inner: frozenset[str] | None = None

    # --- modules ---

    def module(self, source: Source) -> Module:
        """Parse and execute a module whose text is given; raises `SourceError` when it cannot be parsed."""
        key = str(Path(source.path).resolve()) if self.root is not None else source.path
        kept = self._kept.get(key)
        if kept is not None and kept.parsed.source.text == source.text:
            self._kept.move_to_end(key)
            return kept
        place = self.place(key)
        parsed = parse_source(source)
        executor = Executor(place.name, place.is_package)
        summary = self._summaries.get(key) if self._texts.get(key) == hash(source.text) else None
        if summary is not None:
            # A module whose tree had been dropped keeps its summary: what others have linked to stays linked.
            adopt(executor.pool, summary)
        executor.run(parsed.tree)
        if summary is None:
            summary = summarise(executor, key, is_package=place.is_package)
        module = Module(parsed, executor, summary)
        self._summaries[key] = summary
        self._texts[key] = hash(source.text)
        self._keep(key, module)
        return module

    def _keep(self, key: str, module: Module) -> None:
        old = self._kept.pop(key, None)
        self._kept_characters += len(module.parsed.source.text) - (len(old.parsed.source.text) if old else 0)
        self._kept[key] = module
        while self._kept_characters > KEPT_SOURCE_CHARACTERS and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_characters -= len(dropped.parsed.source.text)

    def module_at(self, path: str) -> Module | None:
        """The module in a file of the project, or None when it cannot be read or parsed."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
            return kept
        try:
            return self.module(read_source(path))
        except SourceError:
            self._summaries[path] = None
            return None

    def summary_at(self, path: str) -> ModuleSummary | None:
        """The summary of a file; None when it cannot be read or parsed."""
        if path not in self._summaries:
            module = self.module_at(path)
            self._summaries[path] = module.summary if module is not None else None
        return self._summaries[path]

    # --- names and places ---

    def place(self, path: str) -> Place:
        """The dotted name of a file and the source root that it counts from."""
        found = self._places.get(path)
        if found is None:
            found = self._places[path] = place_of(Path(path), self.root, self._inner_roots())
        return found

    def _inner_roots(self) -> frozenset[str]:
        if self._inner is None:
            self._inner = inner_roots(self.paths(), self._text) if self.root is not None else frozenset()
        return self._inner

    def resolve(self, dotted: str, importer: ModuleSummary) -> tuple[ModuleSummary, list[str]] | None:
        """The module that the longest prefix of a dotted path names, and the rest of the path.

        None when the path leads out of the project (to a library).
        """
        if dotted == importer.name or dotted.startswith(f"{importer.name}."):
            rest = dotted[len(importer.name) + 1 :].split(".") if dotted != importer.name else []
            is_bound = rest and rest[0] in importer.bindings and not _is_submodule(importer, rest)
            if rest and (not importer.is_package or is_bound):
                return importer, rest
        if self.root is None:
            return None
        source_root = self.place(importer.path).root
        key = (source_root, dotted)
        if key not in self._resolved:
            self._resolved[key] = self._longest_module(source_root, dotted)
        found = self._resolved[key]
        summary = self.summary_at(found[0]) if found is not None else None
        if found is None or summary is None:
            return None
        names = dotted.split(".")
        return self._hiding_package(summary, names, found[1]) or (summary, names[found[1] :])

    def _hiding_package(
        self, module: ModuleSummary, names: list[str], length: int
    ) -> tuple[ModuleSummary, list[str]] | None:
        """The package that hides a module of its own: after `from .engine import engine` there, "package.engine" is the
        object, unless the path goes on to a name of the module.
        """
        rest = names[length:]
        if module.is_package or length < 2 or (rest and rest[0] in module.bindings) or module.star_imports:
            return None
        package = self.summary_at(os.path.join(os.path.dirname(module.path), "__init__.py"))
        name = names[length - 1]
        bound = package.bindings.get(name) if package is not None else None
        if package is None or not isinstance(bound, Ref) or not bound.path.startswith(f"{package.name}.{name}."):
            return None
        return package, [name, *rest]

    def _longest_module(self, source_root: str, dotted: str) -> tuple[str, int] | None:
        """The file of the longest prefix of a dotted path that is a module, and how many names that prefix has."""
        parts = dotted.split(".")
        for folder in self._search_path(source_root):
            if not (
                os.path.isdir(os.path.join(folder, parts[0])) or os.path.isfile(os.path.join(folder, f"{parts[0]}.py"))
            ):
                continue
            for length in range(len(parts), 0, -1):
                stem = os.path.join(folder, *parts[:length])
                for candidate in (os.path.join(stem, "__init__.py"), f"{stem}.py"):
                    if os.path.isfile(candidate):
                        return candidate, length
        return None

    def _search_path(self, source_root: str) -> tuple[str, ...]:
        """The folders in which a module of that source root finds what it imports, nearest first."""
        if source_root not in self._search_paths:
            root = str(self.root)
            above = [
                str(up) for up in Path(source_root).parents if str(up) == root or str(up).startswith(root + os.sep)
            ]
            if not f"{source_root}{os.sep}".startswith(f"{root}{os.sep}"):
                above.append(root)  # an `__init__.py` in the root itself makes no package of the project
            folders = [part for folder in (source_root, *above) for part in (folder, os.path.join(folder, "src"))]
            self._search_paths[source_root] = tuple(folder for folder in folders if os.path.isdir(folder))
        return self._search_paths[source_root]

    # --- backward: who mentions a name ---

    def mentioning(
        self,
        name: str,
        *,
        and_any_of: Iterable[str] = (),
        and_calls: Iterable[str] = (),
        and_tests: bool = True,
    ) -> Iterator[ModuleSummary]:
        """The summaries of all files of the project, or all but its tests, whose text contains a name (if asked for,
        also one of some words, or a call of one of some names), in the order of their paths.
        """
        word, pattern = name.encode(), "|".join(map(re.escape, sorted(and_any_of)))
        if names := "|".join(map(re.escape, sorted(and_calls))):
            pattern = rf"\b(?:{names})(?:\s*\(|\s+as\b)"
        key = (word, pattern, and_tests)
        if key not in self._mentioning:
            self._mentioning[key] = tuple(
                path
                for path in self._paths_with(pattern)
                if word in self._text(path) and (and_tests or not self.is_test(path))
            )
        for path in self._mentioning[key]:
            summary = self.summary_at(path)
            if summary is not None:
                yield summary

    def is_test(self, path: str) -> bool:
        """Whether a file is one of the project's tests."""
        if path not in self._tests:
            self._tests[path] = is_test_file(Path(path), self.root)
        return self._tests[path]

    def _paths_with(self, pattern: str) -> tuple[str, ...]:
        """The files whose text a pattern matches somewhere: all of them, where it is empty."""
        if pattern not in self._matching:
            sought = re.compile(pattern.encode())
            self._matching[pattern] = tuple(path for path in self.paths() if sought.search(self._text(path)))
        return self._matching[pattern]

    def texts(self) -> Iterator[bytes]:
        """What the project's files hold, in the order of their paths."""
        return (self._text(path) for path in self.paths())

    def paths(self) -> tuple[str, ...]:
        """The project's files, as absolute paths, sorted."""
        if self._paths is None:
            self._paths = tuple(sorted(str(path.resolve()) for path in self._files))
        return self._paths

    def _text(self, path: str) -> bytes:
        if path not in self._bytes:
            try:
                self._bytes[path] = Path(path).read_bytes()
            except OSError:
                self._bytes[path] = b""
        return self._bytes[path]


def binding(
    project: Project, module: ModuleSummary, name: str, seen: frozenset[str] = frozenset()
) -> tuple[ModuleSummary, Term] | None:
    """What a module binds a name to, through its star imports too; None when it does not bind it."""
    term = module.bindings.get(name)
    if term is not None:
        return module, term
    for source in module.star_imports:
        target = project.resolve(source, module)
        if target is None or target[1] or target[0].path in seen:
            continue
        found = binding(project, target[0], name, seen | {module.path})
        if found is not None:
            return found
    return None


def _is_submodule(package: ModuleSummary, rest: list[str]) -> bool:
    """Whether a name of a package means its module of that name, bound by itself or hidden by what is imported from it.

    After `import package.engine as engine` in the package, its `engine` is the module.  After `from .engine import
    engine, session`, "package.engine.session" is still a path to import from.
    """
    bound = package.bindings[rest[0]]
    own = f"{package.name}.{rest[0]}"
    return isinstance(bound, Ref) and (bound.path == own or (len(rest) > 1 and bound.path.startswith(f"{own}.")))
