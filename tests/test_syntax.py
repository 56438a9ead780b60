"""Text in, trees and positions out: nothing is lost, nothing is misplaced, nothing crashes."""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
import warnings
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcst._nodes import expression as cst_expressions
from libcst._nodes import op as cst_operators
from libcst._nodes import statement as cst_statements
from libcst.metadata import MetadataWrapper, PositionProvider

from sqla_leaklint.syntax import operators, tree
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack
from sqla_leaklint.syntax.literals import string_value
from sqla_leaklint.syntax.lower import STATEMENTS
from sqla_leaklint.syntax.lower_expressions import EXPRESSIONS
from sqla_leaklint.syntax.nesting import refuse_deep_nesting
from sqla_leaklint.syntax.parse import ParsedModule, parse_source
from sqla_leaklint.syntax.source import Source, SourceError, decode_source, encode_source, read_source
from sqla_leaklint.syntax.spans import SourceMap
from sqla_leaklint.syntax.walk import walk

PACKAGE = Path(__file__).parents[1] / "src" / "sqla_leaklint"

SAMPLE = '''\
# -*- coding: utf-8 -*-
"""Doc\\n""" "string"
from __future__ import annotations; import a.b.c, d as e
from . import x
from ..pkg.mod import (y as z, w,)
from star import *
lazy import heavy
lazy from heavier import thing
type Alias[T: int = str, *Ts = *tuple[int], **P = [int]] = list[T] | None
count: int
total: int = 0x10 + 1_000
a = b = c, *d = -1, 2.5e3, 3j, ..., None, True, b"x" b"y", rb"\\d"
a += 1; b -= 1; c *= 1; d @= 1; e /= 1; f //= 1; g %= 1; h **= 1; i &= 1; j |= 1; k ^= 1; l <<= 1; m >>= 1
n = (+a - b * c / d // e % f ** g << h >> i & j | k ^ l @ m, ~n, not o)
cmp = a < b > c == d <= e >= f != g in h not in i is j is not k
bools = a and b or (c if d else e)
walrus = (first := second)
text = f"{a!r:>{width}}" f'{b=}' "plain" + t"{c:{d}}."
sub = seq[1:2:3, ::, *rest, 4], fn[:](1, *args, key=value, **kwargs)
fun = lambda a, /, b=1, *c, d=2, **e: (yield)
disp = [1, *two], {3, *four}, {5: 6, **seven}, (), (8,)
comps = [x for x in y if z if w for v in u], {x for x in y}, {k: v for k, v in y}, (x for x in y)
unpack = [*x for x in y], {**m for m in n}
del a, (b, [c.d]), e[0]
assert test, message
assert test
global_1 = 1


@decorator
@decorated.by(this)
async def function[T](a: int, /, b: str = "x", *args: *Ts, c, d=1, **kwargs: object) -> None:
    """doc"""
    global g1, g2
    async with a as (b, c), d: pass
    async with (open(a) as f, b,):
        await f
    async for x, y in z:
        continue
    else:
        break
    yield
    yield (x, y)
    yield from z
    return
    return await x, [i async for i in y]


class Klass[T](Base, *bases, metaclass=Meta, **kw):
    def method(self, *, key): nonlocal n1, n2; return self

    @property
    def other(self): return (
        """multi
    line"""
    )


if (a):
    pass
elif b:
    x = 1
elif c: y = 2; z = 3
else:
    pass
while a: break
else: pass
for x in (y): pass
try:
    raise
except (A, B) as error:
    raise C from error
except A, B:
    raise D
except:
    pass
else:
    pass
finally:
    pass
try: pass
except* A as group: pass
match subject, other:
    case 1 | -2 | "s" | None | a.b: pass
    case [x, *rest, _] | (x, *_, rest): pass
    case {"k": v, **others} if v > 1: pass
    case {}: pass
    case Point(x, 0, key=[y], other=Other()) as whole: pass
    case (name): pass
    case _: pass
print(""" f \\
""", f\'\'\'
{x}
{"a" f"b"}\'\'\')  # comment
if x:
\tif y: z
\t# nested
# last
'''

# What carries no meaning of its own: it is read by the node that it belongs to.
PARTS = {
    *[
        "LeftSquareBracket",
        "RightSquareBracket",
        "LeftCurlyBrace",
        "RightCurlyBrace",
        "LeftParen",
        "RightParen",
        "Asynchronous",
    ],
    *["FormattedStringText", "FormattedStringExpression", "TemplatedStringText", "TemplatedStringExpression"],
    *[
        "ComparisonTarget",
        "SubscriptElement",
        "Annotation",
        "ParamStar",
        "ParamSlash",
        "Param",
        "Parameters",
        "Arg",
        "From",
    ],
    *["DictElement", "StarredDictElement", "CompFor", "CompIf"],
    *["SimpleStatementLine", "SimpleStatementSuite", "IndentedBlock", "Else", "Finally", "AsName", "ImportAlias"],
    *["ExceptHandler", "ExceptStarHandler", "AssignTarget", "Decorator", "WithItem", "NameItem"],
    *["MatchCase", "MatchValue", "MatchSingleton", "MatchSequenceElement", "MatchStar", "MatchList", "MatchTuple"],
    *[
        "MatchMappingElement",
        "MatchMapping",
        "MatchKeywordElement",
        "MatchClass",
        "MatchAs",
        "MatchOrElement",
        "MatchOr",
    ],
    *["TypeVar", "TypeVarTuple", "ParamSpec", "TypeParam", "TypeParameters"],
}
OPERATORS = {
    *operators.BINARY_KINDS,
    *operators.UNARY_KINDS,
    *operators.COMPARISON_OPERATORS,
    *operators.AUGMENTED_OPERATORS,
    cst.And,
    cst.Or,
    cst.Not,
}
PUNCTUATION = {cst.Semicolon, cst.Colon, cst.Comma, cst.Dot, cst.ImportStar, cst.AssignEqual, cst.BitOr}


def parse(text: str) -> ParsedModule:
    return parse_source(Source("sample.py", text))


def printed(parsed: ParsedModule) -> str:
    code = call_with_deep_stack(lambda: parsed.cst.code)
    # LibCST forgets a carriage return that ends the file.
    return code + "\r" if parsed.source.text == code + "\r" else code


def first(text: str) -> tree.Stmt:
    return parse(text).tree.body[0]


def value(text: str) -> tree.Expr:
    statement = first(text)
    assert isinstance(statement, tree.ExprStmt)
    return statement.value


def refused(text: str | bytes) -> SourceError:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(SourceError) as caught:
        parse_source(decode_source("bad.py", data))
    return caught.value


def shape(node: object) -> object:
    """What a lowered node says, as plain tuples."""
    if isinstance(node, tree.Node):
        names = [name for cls in reversed(type(node).__mro__) for name in getattr(cls, "__slots__", ())]
        return (type(node).__name__, *(shape(getattr(node, name)) for name in names if name != "cst"))
    if isinstance(node, tuple):
        return tuple(shape(element) for element in node)
    return node


def concrete_classes(module: object) -> set[type[cst.CSTNode]]:
    return {
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and issubclass(cls, cst.CSTNode)
        and cls.__module__ == module.__name__  # type: ignore[attr-defined]
        and not inspect.isabstract(cls)
        and not cls.__name__.startswith("_")
    }


# --- lowering ---------------------------------------------------------------------------------------------------------


def test_every_class_of_libcst_is_handled() -> None:
    # A new release of libcst that brings a construct must fail here and not in a user's file.
    written = concrete_classes(cst_expressions) | concrete_classes(cst_statements)
    abstract = {cls for cls in written if cls.__name__.startswith("Base")}
    assert {cls.__name__ for cls in written - abstract - set(EXPRESSIONS) - set(STATEMENTS)} == PARTS
    assert concrete_classes(cst_operators) <= OPERATORS | PUNCTUATION


def test_the_sample_has_every_class_of_libcst() -> None:
    seen: set[type[cst.CSTNode]] = set()
    pending: list[cst.CSTNode] = [parse(SAMPLE).cst]
    while pending:
        node = pending.pop()
        seen.add(type(node))
        pending.extend(node.children)
    missing = (set(EXPRESSIONS) | set(STATEMENTS) | OPERATORS) - seen
    assert not {cls.__name__ for cls in missing}
    assert not PARTS - {cls.__name__ for cls in seen}


def test_every_class_of_the_lowered_tree_is_in_the_sample() -> None:
    lowered = {type(node) for node in walk(parse(SAMPLE).tree)}
    declared = {cls for cls in vars(tree).values() if inspect.isclass(cls) and issubclass(cls, tree.Node)}
    assert declared - lowered == {tree.Node, tree.Expr, tree.Stmt}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the sample's names are compared with those of Python's parser")
def test_no_name_is_lost() -> None:
    for path in library_files(12):
        source = read_source(str(path))
        expected = [node.id for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.Name)]
        names = [node.id for node in walk(parse_source(source).tree) if isinstance(node, tree.Name)]
        assert expected
        # In a match statement a captured name is no expression, for us as for Python.
        assert sorted(names) == sorted(expected), path


N = "Name"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a' \"b\" r'\\c'", ("Constant", "ab\\c")),
        ("b'a' b'\\x00'", ("Constant", b"a\0")),
        ("'a' f'{b}'", ("Operation", "concatenation", (("Constant", "a"), ("Operation", "f-string", ((N, "b"),))))),
        ("f'{a:{b}}{c!r}'", ("Operation", "f-string", ((N, "a"), (N, "b"), (N, "c")))),
        ("t'{a}'", ("Operation", "t-string", ((N, "a"),))),
        ("0xff_ff", ("Constant", 65535)),
        ("a[1:, *b]", ("Subscript", (N, "a"), (("Operation", "slice", (("Constant", 1),)), ("Starred", (N, "b"))))),
        ("a < b not in c", ("Compare", (N, "a"), (("<", (N, "b")), ("not in", (N, "c"))))),
        ("-a ** b", ("Operation", "unary:-", (("Operation", "binary:**", ((N, "a"), (N, "b"))),))),
        ("{**a, b: c}", ("DictDisplay", ((None, (N, "a")), ((N, "b"), (N, "c"))))),
        (
            "{**a for a in b}",
            ("Comprehension", "dict", (("Starred", (N, "a")),), (("CompFor", (N, "a"), (N, "b"), (), False),)),
        ),
        ("(yield from a)", ("Yield", (N, "a"), True)),
        ("f(*a, k=b)", ("Call", (N, "f"), (("Argument", (N, "a"), None, "*"), ("Argument", (N, "b"), "k", "")))),
    ],
)
def test_expressions(text: str, expected: object) -> None:
    assert shape(value(text)) == expected


def test_an_elif_is_an_if_alone_in_the_else() -> None:
    assert shape(first("if a: pass\nelif b: pass\nelse: c\n")) == (
        "If",
        (N, "a"),
        (("Pass",),),
        (("If", (N, "b"), (("Pass",),), (("ExprStmt", (N, "c")),)),),
    )


def test_parameters_are_in_the_order_of_the_text() -> None:
    function = first("def f(a, /, b: int = 1, *c, d, e=2, **g) -> None: pass")
    assert isinstance(function, tree.Function)
    assert [(param.name, param.kind.value) for param in function.params] == [
        ("a", "positional-only"),
        ("b", "positional"),
        ("c", "*"),
        ("d", "keyword-only"),
        ("e", "keyword-only"),
        ("g", "**"),
    ]


def test_a_bare_star_is_no_parameter() -> None:
    function = first("def f(*, a): pass")
    assert isinstance(function, tree.Function)
    assert [param.name for param in function.params] == ["a"]


def test_type_parameters() -> None:
    klass = first("class A[T: int, *Ts, **P]: pass")
    assert isinstance(klass, tree.Class)
    assert [(param.name, param.star) for param in klass.type_params] == [("T", ""), ("Ts", "*"), ("P", "**")]
    assert shape(klass.type_params[0].bound) == (N, "int")


@pytest.mark.parametrize("prefix", ["", "lazy "])
def test_imports(prefix: str) -> None:
    assert shape(first(f"{prefix}import a.b, c as d")) == (
        "Import",
        (("ImportedName", "a.b", None), ("ImportedName", "c", "d")),
    )
    assert shape(first(f"{prefix}from ..a.b import c as d")) == ("ImportFrom", "a.b", 2, (("ImportedName", "c", "d"),))
    assert shape(first("from . import *")) == ("ImportFrom", "", 1, (("ImportedName", "*", None),))


@pytest.mark.parametrize(
    ("pattern", "captures", "values", "irrefutable"),
    [
        ("x", ("x",), 0, True),
        ("_", (), 0, True),
        ("x if y", ("x",), 0, False),
        ("(1 | x)", ("x",), 1, True),
        ("(x as y)", ("x", "y"), 0, True),
        ("[a, *b, _]", ("a", "b"), 0, False),
        ("{'k': a, m.n: 1, **rest}", ("a", "rest"), 3, False),
        ("A(x, k=B(y)) as z", ("x", "y", "z"), 2, False),
        ("[a, 1] | (1, a)", ("a",), 2, False),
        ("None", (), 1, False),
    ],
)
def test_patterns(pattern: str, captures: tuple[str, ...], values: int, irrefutable: bool) -> None:
    match = first(f"match s:\n    case {pattern}: pass\n")
    assert isinstance(match, tree.Match)
    (case,) = match.cases
    assert (case.captures, len(case.values), case.is_irrefutable) == (captures, values, irrefutable)


def test_except_without_parentheses_has_a_tuple() -> None:
    statement = first("try: pass\nexcept A, B: pass\n")
    assert isinstance(statement, tree.Try)
    assert shape(statement.handlers[0].type) == ("Display", "tuple", ((N, "A"), (N, "B")))


LITERALS = [
    r"'\n\t\\\'\"\a\b\f\v\r'",
    r"'\x41\u00e9\U0001F600\N{BULLET}\101\0'",
    r"r'\n\'' ",
    r"b'\x41\101\n\q\u0041'",
    r"'\q\d'",
    "'a\\\nb'",
    '"""a\n\\\n"b"\'"""',
    "''''a'''",
    "''",
    '""""""',
    "u'x'",
    "Rb'\\x'",
]


@pytest.mark.parametrize("text", LITERALS)
def test_strings_are_what_python_says(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert string_value(text.strip()) == ast.literal_eval(text.strip())


@given(st.text(), st.sampled_from(["'", '"', "'''", '"""']))
def test_any_string_is_what_python_says(content: str, quote: str) -> None:
    literal = quote + content + quote
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = ast.literal_eval(literal)
        except (SyntaxError, ValueError, UnicodeError):
            return
    constant = value(literal)
    if isinstance(constant, tree.Constant):
        assert constant.value == expected


@given(st.text(), st.booleans())
def test_any_value_survives_its_repr(text: str, is_bytes: bool) -> None:
    original = text.encode("utf-8", "replace") if is_bytes else text
    assert string_value(repr(original)) == original


@pytest.mark.parametrize("literal", [r"'\N{NO SUCH NAME}'", "9" * 101])
def test_what_is_not_worth_evaluating_is_its_text(literal: str) -> None:
    constant = value(literal)
    assert isinstance(constant, tree.Constant)
    assert constant.value == literal


# --- positions --------------------------------------------------------------------------------------------------------


def library_files(count: int) -> list[Path]:
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    sample = files[:: max(1, len(files) // count)]
    return [path for path in sample if path.stat().st_size < 40_000]


def assert_equal_to_libcst(parsed: ParsedModule) -> int:
    wrapper = MetadataWrapper(parsed.cst, unsafe_skip_copy=True)
    expected = wrapper.resolve(PositionProvider)
    nodes = [node for node in walk(parsed.tree) if not isinstance(node, tree.Module)]
    positions = SourceMap(parsed)
    positions.prepare(nodes)
    for node in nodes:
        place = expected[node.cst]
        start, end = place.start, place.end
        assert positions.span(node) == (start.line, start.column + 1, end.line, end.column + 1), node
    return len(nodes)


def test_spans_equal_those_of_libcst() -> None:
    files = [*sorted(PACKAGE.glob("s*/*.py")), *library_files(12)]
    counts = [assert_equal_to_libcst(parse_source(read_source(str(path)))) for path in files]
    assert sum(counts) > 10_000


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_spans_of_the_sample(newline: str, end: str) -> None:
    text = (SAMPLE.rstrip("\n") + end).replace("\n", newline)
    parsed = parse(text)
    assert printed(parsed) == text
    assert assert_equal_to_libcst(parsed) > 400


@pytest.mark.parametrize(
    "text",
    [
        "if a: b",
        "if a:\n  b",
        "x",
        "x;",
        "def f():\n\tpass\n\t# c",
        "class A: x = 1 # c",
        "\f\nx = 1\n\f",
        "x = \\\n  1",
        "",
    ],
)
def test_spans_without_a_last_newline(text: str) -> None:
    parsed = parse(text)
    assert_equal_to_libcst(parsed)
    positions = SourceMap(parsed)
    for node in walk(parsed.tree):
        start, end = positions.offsets(node)
        assert 0 <= start <= end <= len(text)


def test_mixed_newlines_and_wide_characters() -> None:
    text = "a = 'é😀'\r\nb = 1\rc = (\n  2)\nd"
    parsed = parse(text)
    positions = SourceMap(parsed)
    stretches = [text[slice(*positions.offsets(node))] for node in parsed.tree.body]
    assert stretches == ["a = 'é😀'", "b = 1", "c = (\n  2)", "d"]
    assert [positions.span(node)[:2] for node in parsed.tree.body] == [(1, 1), (2, 1), (3, 1), (5, 1)]
    assert_equal_to_libcst(parsed)


def test_a_definition_starts_after_its_decorators() -> None:
    text = "@a\n@b\nasync def f(): pass\n"
    parsed = parse(text)
    start, end = SourceMap(parsed).offsets(parsed.tree.body[0])
    assert text[start:end] == "async def f(): pass"


def test_asking_one_by_one_gives_the_same() -> None:
    parsed = parse(SAMPLE)
    nodes = list(walk(parsed.tree))
    together, single = SourceMap(parsed), SourceMap(parsed)
    together.prepare(nodes)
    assert [single.offsets(node) for node in reversed(nodes)] == [together.offsets(node) for node in reversed(nodes)]


def test_a_node_of_another_module_is_refused() -> None:
    with pytest.raises(KeyError):
        SourceMap(parse("a\n")).offsets(parse("a\n").tree.body[0])


def test_lines() -> None:
    text = "if a:\r\n\t  b = 1; c\r\n"
    parsed = parse(text)
    positions = SourceMap(parsed)
    branch = parsed.tree.body[0]
    assert isinstance(branch, tree.If)
    assert positions.indentation(branch) == ""
    assert [positions.indentation(node) for node in branch.body] == ["\t  ", "\t  "]
    start, _ = positions.offsets(branch.body[1])
    assert (positions.line_start(start), positions.line_end(start)) == (7, text.rindex("\r"))
    assert positions.line_end(len(text)) == len(text)
    assert positions.line_and_column(len(text)) == (3, 1)


def test_multiline_strings_and_comments() -> None:
    parsed = parse(SAMPLE)
    positions = SourceMap(parsed)
    assert [SAMPLE[slice(*stretch)] for stretch in positions.multiline_strings()] == [
        '"""multi\n    line"""',
        '""" f \\\n"""',
        "f'''\n{x}\n{\"a\" f\"b\"}'''",
    ]
    assert [SAMPLE[slice(*stretch)] for stretch in positions.comments()] == [
        "# -*- coding: utf-8 -*-",
        "# comment",
        "# nested",
        "# last",
    ]


# --- files ------------------------------------------------------------------------------------------------------------

ENCODINGS = [
    (b"", "utf-8", False),
    (b"\xef\xbb\xbf", "utf-8", True),
    (b"# coding: latin-1\n", "latin-1", False),
    (b"#!/bin/python\r\n# vim: set fileencoding=cp1252 :\r\n", "cp1252", False),
    (b"\xef\xbb\xbf# coding=utf-8\r", "utf-8", True),
    (b"x = 1\n# coding: latin-1\n", "utf-8", False),
    (b"\n\n# coding: latin-1\n", "utf-8", False),
]


@pytest.mark.parametrize(("head", "encoding", "has_bom"), ENCODINGS)
@given(lines=st.lists(st.sampled_from(["a = 'é'", "", "\f", "  # ü", "b"])), ends=st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_file_survives_reading_and_writing(
    head: bytes, encoding: str, has_bom: bool, lines: list[str], ends: str
) -> None:
    data = head + ends.join(lines).encode(encoding)
    source = decode_source("a.py", data)
    assert (source.encoding, source.has_bom) == (encoding, has_bom)
    assert encode_source(source, source.text) == data
    if ends in source.text or not lines:
        assert source.text.endswith(ends.join(lines))


def test_a_character_that_the_encoding_lacks() -> None:
    source = decode_source("a.py", b"# coding: latin-1\n")
    with pytest.raises(SourceError, match="cannot be encoded as latin-1") as caught:
        encode_source(source, "# coding: latin-1\nx = '\u20ac'\n")
    assert (caught.value.line, caught.value.column) == (2, 6)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\r\n")
    assert read_source(str(path)) == Source(str(path), "x = 1\r\n", "utf-8", has_bom=False)
    for unreadable in (tmp_path, tmp_path / "missing.py"):
        with pytest.raises(SourceError, match="cannot read the file"):
            read_source(str(unreadable))


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message", "line", "column"),
    [
        (b"x = 1\ny = '\0'\n", "null bytes", 2, 6),
        (b"# coding: nonsense\n", "unknown encoding: nonsense", 1, 1),
        (b"#\n# coding: hex\n", "unknown encoding: hex", 2, 1),
        (b"\xef\xbb\xbf# coding: latin-1\n", "byte order mark", 1, 1),
        (b"\xef\xbb\xbf\xef\xbb\xbfx", "byte order mark", 1, 1),
        ("é\r\né = '".encode() + b"\xff'", "byte 0xff cannot be decoded as utf-8", 2, 6),
        (b"# coding: ascii\nx = '\xe9'", "byte 0xe9 cannot be decoded as ascii", 2, 6),
        (b"x = 1\nfor\n", "syntax error: invalid syntax", 2, 4),
        (b"x = 1\nif x:\n", "syntax error: expected an indented block", 2, 6),
        (b"print 'x'\n", "syntax error", 1, 1),
    ],
)
def test_bad_files_are_refused(data: bytes, message: str, line: int, column: int) -> None:
    error = refused(data)
    assert message in error.message
    assert (error.line, error.column) == (line, column)


DEEP = {
    "brackets": "x = " + "(" * 20_000 + ")" * 20_000,
    "open brackets": "[" * 20_000,
    "brackets over lines": "x = " + "[\n" * 20_000 + "]\n" * 20_000,
    "calls in calls": "x = " + "f(a, " * 20_000 + ")" * 20_000,
    "brackets in an f-string": 'x = f"{' + "(" * 20_000 + "1" + ")" * 20_000 + '}"',
    "f-strings": "x = " + 'f"{' * 20_000 + "1" + '}"' * 20_000,
    "sum": "x = 1" + " + 1" * 10_000,
    "sum over lines": "x = (1" + "\n + 1" * 10_000 + ")",
    "chain": "x = a" + ".b()" * 5_000,
    "chain over lines": "x = (a\n" + "  .filter(a, b)\n" * 5_000 + ")",
    "index chain": "x = a" + "[0]" * 5_000,
    "negations": "x = " + "not " * 10_000 + "a",
    "signs": "x = " + "-" * 10_000 + "1",
    "lambdas": "x = " + "lambda: " * 10_000 + "1",
    "conditionals": "x = 1" + " if a else 1" * 10_000,
    "elif": "if a: pass\n" + "elif b: pass\n" * 20_000,
    "indentation": "".join(" " * depth + "if a:\n" for depth in range(300)) + " " * 300 + "pass",
    "patterns": "match x:\n  case " + "[" * 40 + "a" + "]" * 40 + ": pass",
    "targets of del": "x = 1\ndel " + "(" * 40 + "a" + ")" * 40,
    "sum of sums": "x = " + "1 + (" * 150 + "1" + " + 1" * 1_400 + ")" * 150,
}


@pytest.mark.parametrize("text", [pytest.param(text + "\n", id=name) for name, text in DEEP.items()])
def test_deep_nesting_is_refused(text: str) -> None:
    refused("# comment\n" + text)


LONG = {
    "table": "x = [\n" + "    {'a': 1 + 2, 'b': f(x.y.z, -1)},\n" * 3_000 + "]",
    "sum": "x = 1" + " + 1" * 1_400,
    "chain": "x = a" + ".b()" * 400,
    "brackets": "x = " + "(" * 190 + "1" + ")" * 190,
    "calls in calls": "x = " + "f(" * 90 + ")" * 90,
    "elif": "if a: pass\n" + "elif b: pass\n" * 2_000,
    "strings": "x = (" + "'a'\n" * 2_000 + ")",
    "statements": "x = a.b(c)[0] + 1\n" * 3_000,
    "brackets in strings": "x = [" + "'(', \"[\", '''{''', f'(((',\n" * 500 + "]",
    "indentation": "".join(" " * depth + "if a:\n" for depth in range(90)) + " " * 90 + "pass",
    "pattern": "match x:\n  case {'a': [B(c=(1, [d]))]}: pass",
    "calls of case": "x = (\n  case(" + "(" * 20 + "a" + ")" * 20 + "))",
    "continued line": "x = 1" + " + \\\n 1" * 700,
}


@pytest.mark.parametrize("text", [pytest.param(text + "\n", id=name) for name, text in LONG.items()])
def test_long_programs_are_read(text: str) -> None:
    parsed = parse(text)
    assert_positions_exist(parsed)


def assert_positions_exist(parsed: ParsedModule) -> None:
    positions = SourceMap(parsed)
    try:
        positions.prepare(walk(parsed.tree))
    except SourceError:
        assert sys.version_info[:2] == (3, 12)
        return
    assert positions.offsets(parsed.tree.body[0])[0] == 0
    positions.comments()


def test_many_short_elif_chains_are_read() -> None:
    parse("def f():\n    if a: pass\n    elif b: pass\n    elif c: pass\n" * 1_500)


def test_every_elif_that_is_let_through_is_read() -> None:
    # The largest text that `nesting` lets through, and the deepest recursion that there is.
    assert_positions_exist(parse("if a: pass\n" + "elif b: pass\n" * 2_400))


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "\f\n", " \t", "\r\n\r\n"])
def test_empty_files(text: str) -> None:
    parsed = parse(text)
    assert parsed.tree.body == ()
    assert SourceMap(parsed).offsets(parsed.tree) == (0, len(text))


@given(st.text(alphabet="()[]{}'\"\\\n#f,:;.+ anotdelmatchcase"))
def test_measuring_never_fails(text: str) -> None:
    refuse_deep_nesting(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        source = decode_source("a.py", data)
        parsed = parse_source(source)
    except SourceError as error:
        place = (error.line, error.column)
    else:
        place = (1, 1)
        assert encode_source(source, printed(parsed)) == data
    assert min(place) >= 1


# --- room for recursion -----------------------------------------------------------------------------------------------


def test_a_deep_stack_has_room_and_leaves_no_trace() -> None:
    def descend(depth: int) -> int:
        return 0 if depth == 0 else 1 + descend(depth - 1)

    before = sys.getrecursionlimit()
    assert call_with_deep_stack(lambda: descend(20_000)) == 20_000
    assert call_with_deep_stack(lambda: call_with_deep_stack(lambda: descend(20_000))) == 20_000
    assert sys.getrecursionlimit() == before


def test_a_deep_stack_raises_what_was_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        call_with_deep_stack(lambda: 1 // 0)
