"""Bad input gets a clear message and the right exit code, never a traceback, from the command and from flake8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts import leaklint, program, write

pytest_plugins = ["tests.hosts.fixtures"]

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the command in this process."""
    ran = leaklint(*arguments)
    return ran.code, ran.out, ran.err


def run_apart(project: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command in a process of its own: some input could take the process along."""
    done = subprocess.run(
        [sys.executable, "-m", "sqla_leaklint", *arguments],
        capture_output=True, check=False, cwd=project, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err
    return done.returncode, out, err


DEEP = 20_000

CONTENT = {
    "undecodable": (b"import sqlalchemy\nx = '\xff'\n", "2:6: LKS900 byte 0xff cannot be decoded as utf-8"),
    "undecodable and irrelevant": (b"x = '\xff'\n", "1:6: LKS900 byte 0xff cannot be decoded as utf-8"),
    "unknown encoding": (b"# coding: klingon\n", "1:1: LKS900 unknown encoding: klingon"),
    "syntax error": (b"import sqlalchemy\ndef f(:\n    pass\n", ": LKS900 syntax error"),
    "syntax error, irrelevant": (b"def f(:\n    pass\n", ": LKS900 syntax error"),
    "brackets": (b"x = " + b"(" * DEEP + b")" * DEEP, ": LKS900 "),
    "brackets, relevant": (b"import sqlalchemy\nx = " + b"[" * DEEP + b"]" * DEEP, ": LKS900 "),
    "calls": (b"import sqlalchemy\nx = a" + b".f()" * DEEP, ": LKS900 "),
    "terms": (b"import sqlalchemy\nx = 1" + b" + 1" * DEEP, ": LKS900 "),
    "negations": (b"import sqlalchemy\nx = " + b"not " * DEEP + b"1", ": LKS900 "),
    "lambdas": (b"import sqlalchemy\nx = " + b"lambda: " * DEEP + b"1", ": LKS900 "),
    "branches": (b"import sqlalchemy\nif a:\n    x\n" + b"elif a:\n    x\n" * DEEP, ""),
    "blocks": (
        b"import sqlalchemy\n" + b"".join(b" " * n + b"if a:\n" for n in range(500)) + b" " * 500 + b"x\n",
        ": LKS900 ",
    ),
    "NUL": (b"import sqlalchemy\nx = '\0'\n", "2:6: LKS900 source code cannot contain null bytes"),
    "empty": (b"", ""),
    "a byte order mark alone": (b"\xef\xbb\xbf", ""),
    "blank": (b"\n \n\t\n\x0c\n", ""),
    "one long line": (b"import sqlalchemy\nx = [" + b"1, " * 200_000 + b"]\n", ""),
}


@pytest.mark.parametrize("kind", CONTENT)
def test_content(kind: str, project: Path) -> None:
    data, expected = CONTENT[kind]
    (project / "bad.py").write_bytes(data)
    write(project, {"good.py": "import sqlalchemy\n"})
    code, out, err = run_apart(project, ".")
    if expected or out:
        assert code == 1
        assert out.startswith("bad.py:")
        assert expected in out
        assert out.count("\n") == 1
        assert "Found 1 diagnostic." in err
    else:
        assert (code, out) == (0, "")
    piped = leaklint("-", stdin=data)
    assert (piped.code, piped.out) == (code, out.replace("bad.py", "-"))


@pytest.mark.parametrize("kind", ["undecodable", "syntax error", "brackets", "NUL", "empty"])
def test_fixing_leaves_it_alone(kind: str, project: Path) -> None:
    data, expected = CONTENT[kind]
    (project / "bad.py").write_bytes(data)
    assert run("--fix", "--unsafe-fixes", "bad.py")[0] == bool(expected)
    assert (project / "bad.py").read_bytes() == data


def test_missing_paths(project: Path) -> None:
    write(project, {"good.py": "print 1\n"})
    assert run("good.py", "none.py") == (2, "", "leaklint: error: none.py: No such file or directory\n")
    assert run("good.py/x.py") == (2, "", "leaklint: error: good.py/x.py: Not a directory\n")
    assert run("x" * 5000)[0] == 2
    assert run("")[0] == 2


def test_links(project: Path) -> None:
    (project / "self.py").symlink_to("self.py")
    (project / "gone.py").symlink_to("nowhere.py")
    (project / "loop").symlink_to(".")
    code, out, _ = run(".")
    assert code == 1
    assert out.splitlines() == [
        "gone.py:1:1: LKS900 cannot read the file: No such file or directory",
        "self.py:1:1: LKS900 cannot read the file: Too many levels of symbolic links",
    ]
    assert run("self.py") == (2, "", "leaklint: error: self.py: Too many levels of symbolic links\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(project: Path) -> None:
    write(project, {"a.py": "x = 1\n"})
    (project / "a.py").chmod(0)
    assert run(".")[:2] == (1, "a.py:1:1: LKS900 cannot read the file: Permission denied\n")


def test_an_empty_folder(project: Path) -> None:
    assert run() == (0, "", "leaklint: warning: no Python files below .\nNo diagnostics.\n")


def test_a_name_that_is_no_text(project: Path) -> None:
    name = os.fsencode(project) + b"/\xff.py"
    with open(name, "wb") as file:
        file.write(b"print 1\n")
    for output_format in ("text", "full", "json"):
        code, out, _ = run_apart(project, "--output-format", output_format)
        assert code == 1
        assert "\\udcff.py" in out


SETTINGS = {
    "an unknown key": ("[tool.leaklint]\nslect = []\n", "unknown key `tool.leaklint.slect` (did you mean `select`?)"),
    "a wrong type": ("[tool.leaklint]\nselect = 1\n", "`tool.leaklint.select` must be a list of strings, not 1"),
    "no TOML": ("[tool.leaklint\n", "is not valid TOML"),
    "no table": ("[tool]\nleaklint = 1\n", "tool.leaklint must be a table"),
    "a wrong row": ('[[tool.leaklint.knowledge.type]]\nname = "x"\nkind = "sesion"\n', "did you mean `session`?"),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings(kind: str, project: Path) -> None:
    text, message = SETTINGS[kind]
    write(project, {"a.py": program("x = 1"), "pyproject.toml": text})
    code, out, err = run(".")
    assert (code, out) == (2, "")
    assert err.startswith("leaklint: error: ")
    assert "pyproject.toml: " in err
    assert message in err
    assert run("--isolated", ".")[0] == 0


def test_broken_settings_elsewhere_are_not_read(project: Path) -> None:
    write(project, {"a/a.py": "x = 1\n", "b/leaklint.toml": "nonsense"})
    assert leaklint("a").code == 0
