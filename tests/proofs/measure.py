"""Writes the numbers of the proofs into the pages of the rules: `python -m tests.proofs.measure [CODE …]`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import tests.proofs
from tests.house import rule_pages
from tests.proofs.databases import Database, SQLite, UnavailableError, postgresql
from tests.proofs.harness import Proof, ProofError, compare, section

HEADING = "## Measured"
_FOLLOWING = ("## Known problems", "## References")


def proofs() -> dict[str, list[Proof]]:
    """All proofs by rule: what the test modules here list as `PROOFS`."""
    found: dict[str, list[Proof]] = defaultdict(list)
    for module in pkgutil.iter_modules(tests.proofs.__path__):
        if module.name.startswith("test_"):
            listed = getattr(importlib.import_module(f"tests.proofs.{module.name}"), "PROOFS", ())
            for proof in listed:
                found[proof.rule].append(proof)
    return found


def with_section(page: str, body: str) -> str:
    """The page with this text below *Measured*; a missing section is put where it belongs.

    Raises `ValueError` for a page that has no section to put it before.
    """
    lines = page.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")]
    headings = {lines[number].strip(): number for number in starts}
    if HEADING in headings:
        start = headings[HEADING]
        end = next((number for number in starts if number > start), len(lines))
    else:
        following = [headings[name] for name in _FOLLOWING if name in headings]
        if not following:
            raise ValueError(f"a page needs {' or '.join(_FOLLOWING)}")
        start = end = min(following)
    return "".join((*lines[:start], f"{HEADING}\n\n{body}\n", *lines[end:])).rstrip("\n") + "\n"


def databases(stack: ExitStack) -> Iterator[Database]:
    yield SQLite(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leaklint-measure-"))))
    try:
        yield stack.enter_context(postgresql())
    except UnavailableError as reason:
        print(f"not measured on PostgreSQL: {reason}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rules", nargs="*", metavar="CODE", help="rules to measure (default: all with proofs)")
    parser.add_argument("--print", action="store_true", dest="show", help="print the sections, write nothing")
    options = parser.parse_args()
    known = proofs()
    unknown = [code for code in options.rules if code not in known]
    if unknown:
        parser.error(f"no proof of {', '.join(unknown)}; there are proofs of {', '.join(known) or 'nothing'}")
    pages = {page.rule.code: page.path for page in rule_pages()}
    with ExitStack() as stack:
        places = list(databases(stack))
        for code in options.rules or known:
            try:
                body = section([compare(proof, place) for proof in known[code] for place in places])
            except ProofError as error:
                print(f"{code}: {error}", file=sys.stderr)
                return 1
            if options.show:
                print(f"{code}\n\n{body}")
                continue
            page = pages[code]
            page.write_text(with_section(page.read_text(encoding="utf-8"), body), encoding="utf-8", newline="\n")
            print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
