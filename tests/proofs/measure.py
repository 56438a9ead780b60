"""Writes the numbers of the proofs into the pages of the rules: `python -m tests.proofs.measure [CODE …]`.

With `--at-scale` the proofs that say so run with 100,000 rows; the numbers and charts go to `docs/measurements.md`.
"""

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
from tests.proofs import scale
from tests.proofs.databases import ROWS, SCALE, Database, SQLite, UnavailableError, postgresql
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


def with_section(page: str, heading: str, body: str) -> str:
    """The page with this text below a heading; a missing section is put where *Measured* belongs.

    Raises `ValueError` for a page that has no section to put it before.
    """
    lines = page.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")]
    headings = {lines[number].strip(): number for number in starts}
    if heading in headings:
        start = headings[heading]
        end = next((number for number in starts if number > start), len(lines))
    else:
        following = [headings[name] for name in _FOLLOWING if name in headings]
        if not following:
            raise ValueError(f"a page needs {' or '.join(_FOLLOWING)}")
        start = end = min(following)
    return "".join((*lines[:start], f"{heading}\n\n{body}\n", *lines[end:])).rstrip("\n") + "\n"


def databases(stack: ExitStack) -> Iterator[Database]:
    yield SQLite(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leaklint-measure-"))))
    try:
        yield stack.enter_context(postgresql())
    except UnavailableError as reason:
        print(f"not measured on PostgreSQL: {reason}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rules", nargs="*", metavar="CODE", help="rules to measure (default: all with proofs)")
    parser.add_argument("--at-scale", action="store_true", help="100,000 rows, for docs/measurements.md and its charts")
    parser.add_argument("--print", action="store_true", dest="show", help="print the sections, write nothing")
    options = parser.parse_args()
    known = proofs()
    unknown = [code for code in options.rules if code not in known]
    if unknown:
        parser.error(f"no proof of {', '.join(unknown)}; there are proofs of {', '.join(known) or 'nothing'}")
    pages = {page.rule.code: page for page in rule_pages()}
    with ExitStack() as stack:
        places = list(databases(stack))
        for code in options.rules or known:
            page = pages[code]
            rows = SCALE if options.at_scale else ROWS
            chosen = [proof for proof in known[code] if proof.at_scale or not options.at_scale]
            if not chosen:
                continue
            chart = scale.CHARTS / f"{page.rule.name}.svg"
            try:
                compared = [compare(proof, place, rows) for proof in chosen for place in places]
                body = scale.section(compared, f"charts/{chart.name}") if options.at_scale else section(compared)
            except ProofError as error:
                print(f"{code}: {error}", file=sys.stderr)
                return 1
            if options.show:
                print(f"{code}\n\n{body}")
            elif options.at_scale:
                scale.draw(compared, chart)
                _write(scale.DOCUMENT, f"## `{page.rule.name}` ({code})", body)
            else:
                _write(page.path, HEADING, body)
    return 0


def _write(path: Path, heading: str, body: str) -> None:
    page = with_section(path.read_text(encoding="utf-8"), heading, body)
    path.write_text(page, encoding="utf-8", newline="\n")
    print(path)


if __name__ == "__main__":
    sys.exit(main())
