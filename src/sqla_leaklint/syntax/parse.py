"""Parsing: a source to its libcst module and its lowered tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

import libcst as cst

from . import tree
from .deep_stack import call_with_deep_stack
from .lower import lower_module
from .nesting import refuse_deep_nesting
from .source import Source, SourceError

_TOO_DEEP = "expressions are nested too deeply"
_EXPECTATIONS = re.compile(r"error at \d+:\d+: expected (?P<expected>.*)", re.DOTALL)
_MAX_EXPECTED = 40  # characters; libcst lists every token that it would have taken


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
        raise SourceError(_message(error), error.raw_line, error.raw_column + 1) from None
    except RecursionError:
        raise SourceError(_TOO_DEEP) from None
    except UnicodeEncodeError as error:  # a lone surrogate, from an encoding that lets one through
        line = source.text.count("\n", 0, error.start) + 1
        raise SourceError("the text contains a lone surrogate", line) from None


def _message(error: cst.ParserSyntaxError) -> str:
    message = error.message.removeprefix("parser error: ").removeprefix("tokenizer error: ")
    if (expectations := _EXPECTATIONS.fullmatch(message)) is None:
        return f"syntax error: {message}"
    expected = expectations["expected"]
    return f"syntax error: expected {expected}" if len(expected) <= _MAX_EXPECTED else "syntax error"
