"""Parsing: a source to its libcst module and its lowered tree."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

import libcst as cst

from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack
from sqla_leaklint.syntax.lower import lower_module
from sqla_leaklint.syntax.nesting import refuse_deep_nesting
from sqla_leaklint.syntax.source import Source, SourceError

_POSITION = re.compile(r"error at (\d+):(\d+)")


@dataclass(slots=True, eq=False)
class ParsedModule:
    """A module in its three forms: the text, the libcst tree, the lowered tree."""

    source: Source
    cst: cst.Module
    tree: tree.Module


def parse_source(source: Source) -> ParsedModule:
    """Parse and lower a source; raise `SourceError` if it is not Python or is nested too deeply to be analysed."""
    refuse_deep_nesting(source.text)  # the native parser would overflow its stack and end the process
    return call_with_deep_stack(lambda: _parse(source))


def _parse(source: Source) -> ParsedModule:
    try:
        module = cst.parse_module(source.text)
        return ParsedModule(source, module, lower_module(module))
    except cst.ParserSyntaxError as error:
        raise _syntax_error(source.text, error) from None
    except RecursionError:
        raise SourceError("expression is nested too deeply") from None
    except UnicodeEncodeError as error:  # a lone surrogate, from an encoding that lets one through
        line = source.text.count("\n", 0, error.start) + 1
        raise SourceError("the text contains a lone surrogate", line) from None


def _syntax_error(text: str, refusal: cst.ParserSyntaxError) -> SourceError:
    """Say what is wrong as Python says it: libcst lists every token that it would have taken, and often at line 1."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes; Python will give them itself
            ast.parse(text)
    except SyntaxError as error:
        return SourceError(f"syntax error: {error.msg}", max(error.lineno or 1, 1), max(error.offset or 1, 1))
    except (ValueError, MemoryError, RecursionError):
        pass
    found = _POSITION.search(refusal.message)
    line, column = (int(found[1]), int(found[2]) + 1) if found else (1, 1)
    return SourceError("syntax error: LibCST does not understand this", line, column)
