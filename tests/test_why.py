"""`leaklint why`: what it says of lines of the fixtures and of small programs, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.config import SettingsFinder
from sqla_leaklint.linter.discovery import SourceFile
from sqla_leaklint.linter.explain import Answers
from tests.hosts import leaklint, write

pytest_plugins = ["tests.hosts.fixtures"]

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"

LEAK = """\
shop/jobs/maintenance.py:14

    session = SessionLocal()

`SessionLocal()` opens a session: Session (fresh)
  made by   `SessionLocal`                 shop/database.py:31  \
`SessionLocal = sessionmaker(bind=engine, expire_on_commit=False)`
            `sqlalchemy.orm.sessionmaker`  library              in the tables of what libraries do
  owner     the function `prune_audit`, in `session`, until it closes it or hands it on
  uses      line 15  `session.scalar(…)`   runs SQL, so a connection is taken (the first SQL)
            line 17  `session.execute(…)`  runs SQL, so a connection is taken
            line 18  `session.commit()`    ends its transaction, so the connection is given back
            line 19  `session.scalar(…)`   runs SQL, so a connection is taken
  ends      none, on any path
  leaks at  line 20  left here with a connection in hand: `return remaining`
  process   goes on: not only commands and scripts are known to come here
  so        it leaks (LKS101)

Reported: LKS101 [unclosed-session] `session` is opened here and never closed
"""

SHOP = [
    # place, what is said, what is not
    (
        "shop/services/reports.py:28",  # opened by a function elsewhere, used by a method elsewhere
        [
            "`open_session` shop/database.py:72 a function: what it returns",
            "in `OrderRepository.totals_by_day` (shop/repositories/orders.py:34)",
            "left here with a connection in hand: `return totals`",
        ],
        ["not known"],
    ),
    (
        "shop/services/reports.py:44",  # looks alike, and is closed
        ["ends line 48 closes it", "so it is closed, or somebody else owns it", "Reported: nothing"],
        ["leak"],
    ),
    (
        "shop/services/reports.py:59",
        [
            "`session_scope()` gives a session to its `with` block",
            "line 60",
            "if `session_scope` (shop/database.py:78)",
        ],
        ["whatever happens"],
    ),
    ("shop/services/reports.py:36", ["owner the `with` block", "ends at line 39", "whatever happens in it"], []),
    (
        "shop/database.py:46",
        ["FastAPI runs the generator", "stays open when an exception arrives", "it leaks (LKS103)", "Reported: LKS103"],
        [],
    ),
    ("shop/database.py:47", ["opened at line 46 by `SessionLocal(…)`", "fate yielded, open when"], []),
    ("shop/database.py:74", ["whoever calls `open_session` has to close it", "Reported: nothing"], []),
    ("shop/middleware.py:16", ["it is stored, and who closes it where it is kept is not followed"], []),
    (
        "shop/routers/orders.py:23",  # a provider's parameter, through the provider to the factory
        [
            "the parameter `db`: Session (provided)",
            "injected by FastAPI",
            "`get_db` shop/database.py:36 a generator function: what it yields",
            "owner the request: FastAPI had it from `get_db` (shop/database.py:36)",
            "until after the background tasks",
            "FastAPI 0.121 or newer, by pyproject.toml",
            "called for every request",
        ],
        [],
    ),
    (
        "shop/routers/orders.py:42",
        ["to be run as: background task", "work function send_confirmation", "its owner is the request"],
        [],
    ),
    ("shop/routers/orders.py:43", ["sessions none that belongs to a request", "Reported: nothing"], []),
    (
        "shop/cache.py:9",
        ["puts in, as key or element: parameter `term`", "called for every request", "(LKS601)"],
        ["something is taken out"],
    ),
    (
        "shop/cache.py:14",  # taken out in another module
        ["`export_activities` (shop/jobs/export.py:20) something is taken out", "Reported: nothing"],
        ["LKS601"],
    ),
    (
        "shop/repositories/customers.py:24",
        [
            "loads rows: all rows of Customer",
            ".order_by(Customer.full_name, Customer.id) orders",
            "bound by nothing: every row of the table",
            "ends in a response, in `list_customers` (shop/routers/customers.py:24)",
        ],
        [],
    ),
    (
        "shop/repositories/customers.py:27",  # looks alike, and is bounded
        ["bound by a limit", "so it is bounded", "Reported: nothing"],
        ["LKS201"],
    ),
    (
        "shop/jobs/maintenance.py:31",  # known by its annotation alone
        ["Session (declared)", "owner not known: all that is known is the annotation"],
        ["opens a session"],
    ),
    ("shop/database.py:63", ["passed by `rebuild_statistics`", "Session (managed)"], []),
    ("shop/jobs/maintenance.py:9", ["`SessionLocal`: sessionmaker[Session] (global)", "shop/database.py:31"], []),
    ("shop/database.py:38", ["Nothing is known here: what stands on this line has no value."], []),
    ("shop/database.py:66", ["Nothing is known here: no statement or expression begins on this line."], []),
    ("shop/database.py:27", ["The line belongs to the statement that begins at line 21."], []),
]


def test_a_leak_from_its_factory_to_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES / "shop_sync")
    ran = leaklint("why", "shop/jobs/maintenance.py:14")
    assert (ran.code, ran.out, ran.err) == (0, LEAK, "")
    assert leaklint("why", "shop/jobs/maintenance.py:14:15:") == ran


@pytest.mark.parametrize(("place", "said", "unsaid"), SHOP, ids=[place for place, _, _ in SHOP])
def test_lines_of_the_shop(place: str, said: list[str], unsaid: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES / "shop_sync")
    ran = leaklint("why", place)
    assert ran.code == 0
    told = " ".join(ran.out.split())
    for words in said:
        assert words in told, ran.out
    for words in unsaid:
        assert words not in told, ran.out


PROGRAM = """\
import acme.audit
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy import create_engine, text
from app.deep import through

make = sessionmaker(create_engine("sqlite://"))


def unknown_callee():
    session = make()
    session.execute(text("select 1"))
    acme.audit.record(session)


def unknown_callee_of_a_callee():
    session = make()
    through(session, 1)


def unknown_source(thing):
    session = thing.open()
    session.execute(text("select 1"))


def borrowed(connection):
    session = Session(bind=connection)
    session.execute(text("select 1"))


def command():
    session = make()
    session.execute(text("select 1"))


def silenced():
    session = make()  # noqa: LKS101
    session.execute(text("select 1"))


def idle():
    session = make()
    session.info["x"] = 1
    print(session)


if __name__ == "__main__":
    command()
"""

DEEP = """\
import acme.audit


def through(session, n):
    acme.audit.record(n)
    keep(n, session)


def keep(n, session):
    acme.audit.record(session)
"""

SILENT = [
    ("session = make()", 1, "`acme.audit.record` is a library's, and no table says that it keeps no session"),
    ("session = make()", 1, "silence: somebody else may close it, and whether they do is not known"),
    ("session = make()", 2, "app/deep.py:6 → `keep(n, session)`: `keep` (app/deep.py:9) hands it on in turn"),
    ("session = make()", 2, "app/deep.py:10 → → `acme.audit.record(session)`: `acme.audit.record` is a library's"),
    ("session = thing.open()", 1, "not known parameter `thing`"),
    ("session = Session(bind=", 1, "it is not certain that it takes its connection from an engine"),
    ("session = make()", 3, "silence: only commands and scripts come here, and the process ends with them"),
    ("session = make()", 4, "Not reported, as a `noqa` comment silences it: LKS101"),
    ("session = make()", 5, "no SQL is seen on it: without a connection there is nothing to give back"),
    ("acme.audit.record(", 1, "`acme.audit.record` library in no table: nothing is known of it"),
]


@pytest.mark.parametrize(("code", "nth", "said"), SILENT)
def test_where_it_is_silent_it_says_what_was_not_known(code: str, nth: int, said: str, project: Path) -> None:
    write(project, {"app/__init__.py": "", "app/main.py": PROGRAM, "app/deep.py": DEEP})
    lines = [number for number, line in enumerate(PROGRAM.splitlines(), start=1) if code in line]
    ran = leaklint("why", f"app/main.py:{lines[nth - 1]}")
    assert ran.code == 0
    assert said in " ".join(ran.out.split()), ran.out


KEPT = """\
from fastapi import FastAPI
from sqlalchemy.orm import sessionmaker
from sqlalchemy import create_engine, text

make = sessionmaker(create_engine("sqlite://"))
app = FastAPI()


class Clock:
    def __init__(self):
        self.db = make()

    def now(self):
        return self.db.scalar(text("select now()"))


clock = Clock()
plain = make()


@app.get("/now")
def read():
    plain.execute(text("select 1"))
    return clock.now()


def again():
    session = make()
    session.execute(text("select 1"))
    session.close()
    session.execute(text("select 2"))
"""

KEPT_LINES = [
    ("clock = Clock()", "held in `db` of a `Clock` (line 9)"),
    ("clock = Clock()", "reached for every request: `Clock.now` ← `read` (line 22)"),
    ("plain = make()", "kept by the module, as `plain`"),
    ("plain = make()", "so it lives as long as the process, and is shared (LKS106)"),
    ("    session = make()", "again line 31 `session.execute(…)`: closed, it opens again, and stays open"),
    ("    session = make()", "so it is closed, but not on every way (LKS102), and used again afterwards (LKS107)"),
]


@pytest.mark.parametrize(("code", "said"), KEPT_LINES)
def test_sessions_that_are_kept_and_that_open_again(code: str, said: str, project: Path) -> None:
    write(project, {"app/__init__.py": "", "app/main.py": KEPT})
    ran = leaklint("why", f"app/main.py:{KEPT.splitlines().index(code) + 1}")
    assert ran.code == 0
    assert said in " ".join(ran.out.split()), ran.out


TRANSACTIONS = """\
import time

from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

make = sessionmaker(create_engine("sqlite://"))


def store(rows):
    with make() as session:
        for row in rows:
            try:
                session.add(row)
                session.commit()
            except IntegrityError:
                print(row)


def roll_back(session: Session, rows):
    for row in rows:
        try:
            session.add(row)
            session.commit()
        except OperationalError:
            session.rollback()
        except KeyError:
            print(row)


def poll(session: Session):
    session.execute(text("select 1"))
    time.sleep(5)
"""

TOLD_OF_TRANSACTIONS = [
    ("except IntegrityError", "takes what the database raises through a session"),
    ("except IntegrityError", "fails at line 15 `session.commit()`"),
    (
        "except IntegrityError",
        "used at line 15 `session.commit()` so nothing on the way between rolls it back (LKS108)",
    ),
    ("except OperationalError", "so silence: no session is certain to be used again as the error has left it"),
    ("except KeyError", "Reported: nothing"),
    ("time.sleep", "`time.sleep(…)` waits for time to pass session `session` opened at line 32 `session.execute(…)`"),
]


@pytest.mark.parametrize(("code", "said"), TOLD_OF_TRANSACTIONS)
def test_what_becomes_of_transactions(code: str, said: str, project: Path) -> None:
    write(project, {"main.py": TRANSACTIONS})
    number = next(number for number, line in enumerate(TRANSACTIONS.splitlines(), start=1) if code in line)
    ran = leaklint("why", f"main.py:{number}")
    assert ran.code == 0
    assert said in " ".join(ran.out.split()), ran.out


ASYNC_READS = """\
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

make = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"))


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    items: Mapped[list["Item"]] = relationship()


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


async def place():
    async with make() as session:
        order = await session.scalar(select(Order))
        print(order.items)


async def settle():
    async with make() as session:
        order = await session.scalar(select(Order))
        await session.commit()
        return order.id
"""

TOLD_OF_ASYNC_READS = [
    ("print(order", "`order.items` reads an entity of an async session session `session` loaded at line 26"),
    ("return order.id", "expired at line 33 `session.commit()` so reading it has to load the row"),
]


@pytest.mark.parametrize(("code", "said"), TOLD_OF_ASYNC_READS)
def test_what_an_async_session_cannot_load(code: str, said: str, project: Path) -> None:
    write(project, {"main.py": ASYNC_READS})
    number = next(number for number, line in enumerate(ASYNC_READS.splitlines(), start=1) if code in line)
    ran = leaklint("why", f"main.py:{number}")
    assert ran.code == 0
    assert said in " ".join(ran.out.split()), ran.out


CHAINS = """\
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy import create_engine


def set_up(url):
    engine = create_engine(url)
    factory = sessionmaker(bind=engine)
    return engine, factory


engine, make = set_up("sqlite://")


class Database:
    def __init__(self):
        self._make = None

    def connect(self):
        self._make = sessionmaker(create_engine("sqlite://"))

    def session(self):
        return self._make()


class Unit:
    def __enter__(self) -> Session:
        self.session = make()
        return self.session

    def __exit__(self, *_):
        self.session.close()


def unpacked():
    return make()


def attribute(database: Database):
    with database.session() as session:
        return session


def unit():
    with Unit() as session:
        return session


def stranger(thing):
    with thing.scope() as session:
        return session
"""

FOUND = [
    ("return make()", "`set_up` line 5 a function: what it returns `sessionmaker(bind=engine)` line 7 the call"),
    ("return make()", '`make` line 11 `engine, make = set_up("sqlite://")`'),
    ("with database", '`Database._make` line 19 `self._make = sessionmaker(create_engine("sqlite://"))`'),
    ("with database", "ends at line 40, when the block is left, whatever happens in it"),
    ("with Unit", "ends at line 45, when the block is left, if the `__exit__` of `Unit` (line 25) sees to it"),
    ("with thing", "what that gives is not known not known parameter `thing`"),
    ("def attribute", "the parameter `database`: Database (parameter)"),
]


RESOURCES = """\
import httpx
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://localhost/shop")


def rows():
    forgotten = engine.connect()
    return forgotten.execute(text("select 1")).fetchall()


def skipped():
    passed = engine.connect()
    number = passed.scalar(text("select 1"))
    passed.close()
    return number


def unused():
    freed = engine.connect()
    freed.execution_options(stream_results=True)


@app.get("/")
async def endpoint():
    client = httpx.AsyncClient()
    return (await client.get("https://rates.example")).json()


async def job():
    other = httpx.AsyncClient()
    return (await other.get("https://rates.example")).json()
"""

OPENED = [
    ("forgotten = ", "`engine.connect()` opens a connection: Connection (fresh)"),
    ("forgotten = ", "so it leaks (LKS502)"),
    ("passed = ", "so it is closed, but not on every way (LKS502)"),
    ("freed = ", "nothing keeps it alive: the connection is freed with its last name"),
    ("client = ", "`client.get(…)` sends a request, so a socket is opened"),
    ("client = ", "left here with a socket in hand"),
    ("client = ", "so it leaks (LKS610)"),
    ("other = ", "silence: no request is known to come here"),
]


@pytest.mark.parametrize(("code", "said"), OPENED)
def test_connections_and_clients(code: str, said: str, project: Path) -> None:
    write(project, {"app.py": RESOURCES})
    (line,) = (number for number, text in enumerate(RESOURCES.splitlines(), start=1) if code in text)
    ran = leaklint("why", f"app.py:{line}")
    assert said in " ".join(ran.out.split()), ran.out


@pytest.mark.parametrize(("code", "said"), FOUND)
def test_the_names_through_which_a_value_is_found(code: str, said: str, project: Path) -> None:
    write(project, {"app.py": CHAINS})
    (line,) = (number for number, text in enumerate(CHAINS.splitlines(), start=1) if code in text)
    ran = leaklint("why", f"app.py:{line}")
    assert said in " ".join(ran.out.split()), ran.out


REGISTRIES = """\
from threading import Thread

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("sqlite://")))
app = FastAPI()


def finish():
    Session.remove()


def count():
    return Session.scalar("kept")


def count_and_finish():
    total = Session.scalar("ended")
    finish()
    return total


def count_for_anybody():
    return Session.scalar("whoever calls")


def get_db():
    yield Session()


def start(db=Depends(get_db)):
    Thread(target=count).start()
    Thread(target=count_and_finish).start()
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("kept", "runs in a thread leaves line 16 with a connection in the session's hands so its session is never re"),
        ("ended", "ended by `finish` (line 11), or so it may be"),
        ("whoever", "so silence: whoever calls the function may remove it"),
        ("yield", "a session for each thread runs in a dependency"),
        ("yield", "so FastAPI keeps no request to one thread (LKS114)"),
    ],
)
def test_the_session_of_a_registry(code: str, said: str, project: Path) -> None:
    write(project, {"app.py": REGISTRIES})
    number = next(number for number, line in enumerate(REGISTRIES.splitlines(), start=1) if code in line)
    assert said in " ".join(leaklint("why", f"app.py:{number}").out.split())


RETURNING = """\
from fastapi import Depends, FastAPI
from sqlalchemy.orm import sessionmaker
from sqlalchemy import create_engine, text

make = sessionmaker(create_engine("sqlite://"))
app = FastAPI()


def get_open():
    db = make()
    return db


def get_closed():
    with make() as session:
        return session


@app.get("/")
def read(one=Depends(get_open), other=Depends(get_closed), third=Depends(lambda: make())):
    return [session.scalar(text("select 1")) for session in (one, other, third)]
"""

RETURNED = [
    ("db = make()", "owner the dependency `get_open`, which returns it used by `read` (line 20), which leaves it open"),
    ("db = make()", "so it leaks (LKS104): FastAPI closes nothing that a dependency returns Reported: LKS104"),
    (
        "with make()",
        "closed at line 15, before anybody uses it: it opens again when it is used used by `read` (line 20)",
    ),
    ("lambda", "owner this lambda, which returns it"),
    ("lambda", "until somebody closes it: FastAPI closes nothing that a dependency returns"),
]


@pytest.mark.parametrize(("code", "said"), RETURNED)
def test_a_session_that_a_dependency_returns(code: str, said: str, project: Path) -> None:
    write(project, {"app.py": RETURNING})
    line = next(number for number, line in enumerate(RETURNING.splitlines(), start=1) if code in line)
    ran = leaklint("why", f"app.py:{line}")
    assert ran.code == 0
    assert said in " ".join(ran.out.split()), ran.out


def test_what_settings_and_the_role_of_a_file_keep_from_being_reported(project: Path) -> None:
    write(project, {"app.py": PROGRAM, "tests/test_app.py": PROGRAM, "off/app.py": PROGRAM})
    write(project, {"off/leaklint.toml": 'ignore = ["LKS101"]\n'})
    line = PROGRAM.splitlines().index("    session = make()  # noqa: LKS101") + 1
    assert "Not reported, as the file is a test: LKS101" in leaklint("why", f"tests/test_app.py:{line}").out
    assert "Not reported, as the settings do not select it" in leaklint("why", f"off/app.py:{line}").out


MODULES = sorted(
    str(path.relative_to(FIXTURES)) for path in FIXTURES.rglob("*.py") if len(path.relative_to(FIXTURES).parts) > 1
)


@pytest.mark.parametrize("module", MODULES)
def test_every_line_has_an_answer(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project, path = module.split("/", 1)
    monkeypatch.chdir(FIXTURES / project)
    finder = SettingsFinder()
    file = SourceFile(Path(path).resolve(), path, finder.for_directory(Path(path).resolve().parent))
    answers = Answers(file, finder.for_directory)
    for number in range(1, len(answers.lines) + 1):
        told = answers.of(number)
        assert told[0] == f"{path}:{number}"
        assert told[-1].startswith(("Reported: ", "Not reported, as "))
    if answers.lines:
        assert answers.of(1) == Answers(file, finder.for_directory).of(1)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("a.py", "`a.py` is not a place: write FILE:LINE"),
        ("a.py:x", "`a.py:x` is not a place: write FILE:LINE"),
        ("missing.py:1", "missing.py: cannot read the file: No such file or directory"),
        ("a.py:0", "a.py has 2 lines, and no line 0"),
        ("a.py:3", "a.py has 2 lines, and no line 3"),
        ("empty.py:1", "empty.py has 0 lines, and no line 1"),
        ("broken.py:1", "broken.py:2: syntax error: "),
        ("bytes.py:1", "bytes.py:1: byte 0xff cannot be decoded as utf-8"),
        (".:1", ". is a folder: write FILE:LINE"),
    ],
)
def test_what_is_no_line_is_refused(place: str, message: str, project: Path) -> None:
    write(project, {"a.py": "x = 1\ny = 2\n", "empty.py": "", "broken.py": "x = 1\nprint 1\n"})
    (project / "bytes.py").write_bytes(b"x = '\xff'\n")
    ran = leaklint("why", place)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err
