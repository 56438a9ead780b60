"""Packages whose folder is a source root all the same: their modules import each other as if it were on the path.

    backend/__init__.py                left there by somebody; the server is started in `backend`
    backend/app/api.py                 from app.database import get_db          # not `backend.app.database`
    backend/app/database.py

Python goes by where a program is started, which no file says.  So the imports below such a folder are asked: where at
least two lead to a file there, and more of that top-level name do than do not, nothing else explains them.  A package
that is called like a library (`extensions/sqlalchemy`), or a tree of tests that mirrors the program's, has more that do
not.
"""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?\s*(\w+)|import[ \t]+([\w.]+))", re.MULTILINE)
_DEFINITION = rb"^(?:(?:async[ \t]+)?def|class)[ \t]+%s\b|^%s[ \t]*[:=]|\bimport\b[^\n]*\b%s\b"
_FEWEST = 2


def inner_roots(paths: Iterable[str], text_of: Callable[[str], bytes]) -> frozenset[str]:
    """The folders with an `__init__.py`, among those of some files, that are source roots."""
    files = frozenset(paths)
    packages = {os.path.dirname(path) for path in files if os.path.basename(path) == "__init__.py"}
    found: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    missed: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for path in files if packages else ():
        folders = list(_packages_above(path, packages))
        for module, name in _imports(text_of(path)) if folders else ():
            top = module.partition(".")[0]
            for folder in folders:
                if f"{os.path.join(folder, top)}.py" in files or os.path.join(folder, top) in packages:
                    is_there = _is_there(os.path.join(folder, *module.split(".")), name, path, files, text_of)
                    (found if is_there else missed)[folder, top].add((module, name))
    ways: dict[str, int] = defaultdict(int)
    for (folder, top), imports in found.items():
        if len(imports) > len(missed[folder, top]):
            ways[folder] += len(imports)
    return frozenset(folder for folder, number in ways.items() if number >= _FEWEST)


def _packages_above(path: str, packages: set[str]) -> Iterator[str]:
    folder = os.path.dirname(path)
    while folder in packages:
        yield folder
        folder = os.path.dirname(folder)


def _imports(text: bytes) -> Iterator[tuple[str, str]]:
    """The modules that are imported by an absolute path, each with the first name that is taken of it ("": none)."""
    for source, name, module in _IMPORT.findall(text):
        dotted = (source or module).decode()
        if not dotted.startswith(".") and dotted.partition(".")[0] not in sys.stdlib_module_names:
            yield dotted, name.decode()


def _is_there(stem: str, name: str, importer: str, files: frozenset[str], text_of: Callable[[str], bytes]) -> bool:
    """Whether a module is among the files, not the importer itself, and has that name."""
    package = os.path.join(stem, "__init__.py")
    module = f"{stem}.py" if f"{stem}.py" in files else package
    if module not in files or module == importer:
        return False
    if not name or os.path.join(stem, f"{name}.py") in files or os.path.join(stem, name, "__init__.py") in files:
        return True
    word = name.encode()
    return re.search(_DEFINITION % (word, word, word), text_of(module), re.MULTILINE) is not None
