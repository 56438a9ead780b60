"""Set up all that is needed on a machine that has only Python, then `lint [PATH…]` or `test [ARGUMENTS…]`.

The virtual environment is `.venv` beside this repository's `pyproject.toml`; it is made when it is missing, and brought
up to date when `pyproject.toml` has changed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OLDEST = (3, 10)


def main() -> int:
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}")
    match sys.argv[1:]:
        case ["lint", *paths]:
            set_up("")
            return run(PYTHON, "-m", "sqla_leaklint", *(paths or [os.path.relpath(ROOT / "fixtures")]))
        case ["test", *arguments]:
            set_up("dev")
            return run(PYTHON, "-m", "pytest", "-n", "auto", "--dist", "worksteal", *arguments, cwd=ROOT)
        case _:
            sys.exit(f"usage: {Path(sys.argv[0]).name} lint [PATH…] | test [PYTEST ARGUMENT…]")


def set_up(extra: str) -> None:
    """Make the environment and install the project with an extra; a no-op when that was done before."""
    stamp = ENVIRONMENT / f"installed-{extra or 'plain'}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        say(f"making {ENVIRONMENT}")
        try:
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            sys.exit(
                "this Python has no ensurepip: install it first (on Debian and Ubuntu, `apt install python3-venv`)"
            )
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    say(f"installing {target}")
    code = run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", target)
    if code:
        sys.exit(code)
    stamp.write_text(wanted)


def say(message: str) -> None:
    print(f"bootstrap: {message}", file=sys.stderr, flush=True)


def run(*command: str | Path, cwd: Path | None = None) -> int:
    return subprocess.run(list(map(str, command)), cwd=cwd, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
