"""`leaklint why` on small programs, family by family: at least one line that is reported, and lines that look alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.config import SettingsFinder
from sqla_leaklint.linter.discovery import SourceFile
from sqla_leaklint.linter.explain import Answers
from tests.hosts import leaklint, write

pytest_plugins = ["tests.hosts.fixtures"]

DATABASE = """\
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, sessionmaker

engine = create_async_engine("postgresql+asyncpg://localhost/shop")
make_async = async_sessionmaker(engine)
make = sessionmaker(create_engine("postgresql://localhost/shop", max_overflow=-1))


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    customer: Mapped[Customer] = relationship()


def get_db():
    with make() as session:
        yield session


async def get_async_db():
    async with make_async() as session:
        yield session
"""

ENGINES = """\
from contextlib import asynccontextmanager
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import NullPool
from app.settings import POOL


@asynccontextmanager
async def lifespan(app):
    yield


app = FastAPI(lifespan=lifespan)
_kept = {}
shared = create_engine("postgresql://localhost/shop")


def ping(url):
    lost = create_engine(url)
    return lost.connect().scalar(text("select 1"))


@app.get("/ping")
def read(url: str):
    return ping(url), brief(url), kept(url), unpacked(url)


def brief(url):
    none = create_engine(url, poolclass=NullPool)
    return none.connect().scalar(text("select 1"))


def kept(url):
    filed = create_engine(url, pool_size=5)
    _kept[url] = filed
    return filed.connect().scalar(text("select 1"))


def unpacked(url):
    other = create_engine(url, **POOL)
    return other.connect().scalar(text("select 1"))


def unreached(url):
    alone = create_engine(url)
    return alone.connect().scalar(text("select 1"))


def returned(url):
    return create_engine(url)


def factory_of_settings():
    anew = sessionmaker(shared)
    return anew().scalar(text("select 1"))


@app.get("/factories")
def use(url: str):
    given = sessionmaker(create_engine(url))
    return factory_of_settings(), given().scalar(text("select 1"))
"""

MEMOS = """\
from functools import cache, lru_cache
from fastapi import APIRouter, Depends
from app.database import get_db

router = APIRouter()


@cache
def priced(name):
    return len(name)


@lru_cache(maxsize=100)
def bounded(name):
    return len(name)


@lru_cache(maxsize=10)
def counted(db, kind):
    return 1


@cache
def settings():
    return {}


@cache
async def fetched(name):
    return name


@cache
def forgotten(name):
    return name


def forget():
    forgotten.cache_clear()


class Report:
    @cache
    def total(self):
        return 1


@router.get("/{name}")
def read(name: str, db=Depends(get_db)):
    return priced(name), bounded(name), counted(db, "a"), settings(), forgotten(name), Report().total()
"""

WORK = """\
import asyncio
from concurrent.futures import ThreadPoolExecutor
from fastapi import APIRouter, Depends
from app.database import get_async_db, get_db, make_async

router = APIRouter()
lock = asyncio.Lock()


async def count(db, kind):
    return await db.scalar(kind)


async def own(kind):
    async with make_async() as session:
        return await session.scalar(kind)


async def in_turn(db, kind):
    async with lock:
        return await db.scalar(kind)


async def plainly(db, kind):
    return db.scalar(kind)


async def at_once(db, kind):
    found = db.scalar(kind)
    await asyncio.sleep(found)


@router.get("/")
async def read(db=Depends(get_async_db), plain=Depends(get_db)):
    await asyncio.gather(count(db, "a"), count(db, "b"))
    await asyncio.gather(own("a"), own("b"))
    await asyncio.gather(in_turn(db, "a"), in_turn(db, "b"))
    await asyncio.gather(plainly(plain, "a"), plainly(plain, "b"))
    await asyncio.create_task(count(db, "c"))
    asyncio.create_task(count(db, "d"))


@router.get("/soon")
async def soon(plain=Depends(get_db)):
    asyncio.create_task(at_once(plain, "e"))


@router.get("/threads")
def threads(plain=Depends(get_db)):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(plain.scalar, ["a", "b"]))
"""

LOOP = """\
import asyncio
from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.orm import Session
from app.database import get_db, make

router = APIRouter()


def total(db):
    return db.scalar(text("select 2"))


@router.get("/")
async def read(db=Depends(get_db)):
    db.execute(text("select 1"))
    return total(db)


@router.get("/thread")
async def handed(db=Depends(get_db)):
    return await asyncio.to_thread(db.scalar, text("select 3"))


async def declared(db: Session):
    return db.scalar(text("select 4"))


async def unreached():
    with make() as session:
        return session.scalar(text("select 5"))
"""

SOCKETS = """\
from fastapi import APIRouter, Depends, WebSocket
from sqlalchemy import text
from app.database import get_async_db, make_async

router = APIRouter()


@router.websocket("/held")
async def held(socket: WebSocket, db=Depends(get_async_db)):
    await db.execute(text("select 1"))
    while True:
        await socket.receive_text()


@router.websocket("/free")
async def free(socket: WebSocket, db=Depends(get_async_db)):
    await db.execute(text("select 1"))
    await db.commit()
    while True:
        await socket.receive_text()


@router.websocket("/own")
async def own(socket: WebSocket):
    while True:
        await socket.receive_text()
        async with make_async() as session:
            await session.execute(text("select 1"))
"""

STREAMS = """\
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session
from app.database import Order, get_db, make

router = APIRouter()


def lines(db):
    for order in db.scalars(select(Order)):
        yield str(order.id)


def own_lines():
    with make() as session:
        for order in session.scalars(select(Order)):
            yield str(order.id)


@router.get("/")
def export(db: Session = Depends(get_db)):
    return StreamingResponse(lines(db))


@router.get("/own")
def own(db: Session = Depends(get_db)):
    return StreamingResponse(own_lines())
"""

ENTITIES = """\
from celery import Celery
from fastapi import APIRouter, BackgroundTasks, Depends
from sqlalchemy import select
from sqlalchemy.orm import Session
from app.database import Order, get_db

router = APIRouter()
celery = Celery()


@celery.task
def resize(order):
    pass


def notify(order):
    print(order.customer.name)


def tell(order):
    print(order.id)


def later(order):
    pass


def rename(order):
    order.name = "sent"


@router.post("/notify")
def create(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    order = db.scalar(select(Order).limit(1))
    tasks.add_task(notify, order)


@router.post("/new")
def create_new(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    order = Order()
    db.add(order)
    tasks.add_task(later, order)


@router.post("/tell")
def create_and_tell(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    order = db.scalar(select(Order).limit(1))
    tasks.add_task(tell, order)


@router.post("/rename")
def create_and_rename(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    order = db.scalar(select(Order).limit(1))
    tasks.add_task(rename, order)


@router.post("/resize")
def create_and_resize(db: Session = Depends(get_db)):
    order = db.scalar(select(Order).limit(1))
    resize.delay(order)
    resize.delay(order.id)
"""

KEPT = """\
from fastapi import FastAPI, Request, Depends
from sqlalchemy import select
from app.database import Order, get_db

app = FastAPI()
app.state.seen = []
errors = []
orders = {}
few = {"a": 1}


class Hub:
    def __init__(self):
        self.rooms = {}

    def join(self, room):
        self.rooms[room] = 1


class Brief:
    def __init__(self):
        self.parts = {}

    def add(self, part):
        self.parts[part] = 1


hub = Hub()


@app.get("/{room}")
def read(request: Request, room: str, db=Depends(get_db)):
    request.app.state.seen.append(room)
    hub.join(room)
    Brief().add(room)
    order = db.scalars(select(Order).where(Order.id == room)).first()
    orders[room] = order
    try:
        return room
    except ValueError as error:
        errors.append(error)
"""

PER_CALL = """\
from fastapi import APIRouter
from sqlalchemy import Column, Integer, Table, event
from app.database import Base, engine

router = APIRouter()


def log(*args):
    print(args)


@router.get("/listen")
def listen():
    def heard(*args):
        print(args)

    event.listen(engine.sync_engine, "connect", heard)
    event.listen(engine.sync_engine, "connect", log)


def unreached(name):
    def again(*args):
        print(args)

    event.listen(engine.sync_engine, "close", again)


@router.get("/tables/{name}")
def define(name: str):
    asked = Table(name, Base.metadata, Column("id", Integer))
    if name not in Base.metadata.tables:
        seldom = Table(name + "x", Base.metadata, Column("id", Integer))
"""

COLLECTOR = """\
import gc
import tracemalloc
from fastapi import FastAPI
from memory_profiler import profile
from app.database import make
from app.settings import TRACING

gc.set_threshold(0)
tracemalloc.start()
app = FastAPI()

if TRACING:
    tracemalloc.start(5)


@app.get("/")
def read():
    gc.collect()
    return Tree().grow()


@app.get("/collect")
def collect():
    return gc.collect(2)


@app.get("/heap")
def heap():
    return [str(each) for each in gc.get_objects()]


@profile
def slow():
    with make() as session:
        return session


class Leaf:
    def __init__(self, tree):
        self.tree = tree


class Tree:
    def __init__(self):
        self.leaves = []

    def grow(self):
        self.leaves.append(Leaf(self))


class Twig:
    def __init__(self, bush):
        self.bush = bush


class Bush:
    def __init__(self):
        self.twigs = []

    def grow(self):
        self.twigs.append(Twig(self))

    def cut(self):
        for twig in self.twigs:
            twig.bush = None
"""

FORKS = """\
from multiprocessing import Process
from sqlalchemy import create_engine, text

engine = create_engine("postgresql://localhost/shop")


def work():
    with engine.connect() as connection:
        connection.execute(text("select 1"))


def main():
    with engine.begin() as connection:
        connection.execute(text("select 1"))
    Process(target=work).start()
"""

PROGRAM = {
    "requirements.txt": "fastapi==0.121.0\nsqlalchemy==2.0.40\n",
    "app/__init__.py": "",
    "app/settings.py": "import os\n\nPOOL = dict(os.environ)\nTRACING = bool(os.environ)\n",
    "app/database.py": DATABASE,
    "app/engines.py": ENGINES,
    "app/memos.py": MEMOS,
    "app/work.py": WORK,
    "app/loop.py": LOOP,
    "app/sockets.py": SOCKETS,
    "app/streams.py": STREAMS,
    "app/entities.py": ENTITIES,
    "app/kept.py": KEPT,
    "app/per_call.py": PER_CALL,
    "app/collector.py": COLLECTOR,
    "app/forks.py": FORKS,
}

CASES = [
    # module, text of its line, what is said
    (
        "engines",
        "lost = ",
        [
            "`create_engine(…)` makes an engine: Engine (fresh)",
            "reached for every request: `read` (line 25) → `ping` (line 19)",
            "so it is left behind, with the connections of its pool (LKS501)",
        ],
    ),
    (
        "engines",
        "none = ",
        ["poolclass=sqlalchemy.pool.NullPool", "so silence: its pool is not known to keep connections"],
    ),
    (
        "engines",
        "filed = ",
        ["pool pool_size=5", "kept line 36 `_kept[url]`", "silence: the function keeps it, disposes of it"],
    ),
    ("engines", "other = ", ["not known the pool what is unpacked among the arguments may name another"]),
    ("engines", "alone = ", ["silence: no request, event or task is known to come here, anew each time"]),
    ("engines", "return create_engine", ["silence: it is handed on as it is: ask where the function is called"]),
    ("engines", "shared = ", ["kept by the module, as `shared`", "silence about its end: it is no async engine"]),
    ("engines", "anew = ", ["→ `factory_of_settings`", "so it is made anew each time, used and dropped (LKS503)"]),
    ("engines", "given = ", ["so silence: it is made of what the call is given, or has opened itself"]),
    ("forks", "Process(", ["used before line 13 `engine.begin()`", "used there by `work` (line 7)", "(LKS505)"]),
    ("database", "engine = create", ["kept by the module, as `engine`", "nobody disposes of it", "(LKS505)"]),
    ("database", "max_overflow", ["pool max_overflow=-1", "its pool has no limit: max_overflow=-1 (LKS504)"]),
    (
        "memos",
        "def priced",
        [
            "`priced`: a function that `functools.cache` memoises keeps every result, without a bound",
            "key `name` unknown: parameter `name`, by `read` (line 49)",
            "so a result is kept for every `name` that comes (LKS602)",
        ],
    ),
    ("memos", "maxsize=100", ["keeps at most 100 results", "silence: it keeps no more than its bound, whatever comes"]),
    (
        "memos",
        "maxsize=10)",
        ["key `db` Session (provided), by `read`", "`db` is another session each time, passed by `read` (line 49)"],
    ),
    ("memos", "def settings", ["key no arguments: there is one result"]),
    ("memos", "async def fetched", ["what is kept are coroutines, which can be awaited but once (LKS604)"]),
    ("memos", "def forgotten", ["forgets something in the project clears it", "silence: something may clear it"]),
    (
        "memos",
        "def total",
        [
            "`total`: a method that `functools.cache` memoises",
            "key `self` the object whose method it is",
            "objects a `Report` is made anew for every request, in `read` (line 49)",
            "so it keeps each of the objects on which it is called (LKS603)",
        ],
    ),
    (
        "work",
        'gather(count(db, "a")',
        [
            'runs `count(db, "a")` on the event loop `count(db, "b")` on the event loop',
            "waited for at once",
            "so `db`: other work uses the same session meanwhile (LKS405)",
        ],
    ),
    ("work", "gather(own(", ["sessions none that belongs to a request, a caller or a `with` block travels along"]),
    ("work", "gather(in_turn(", ["silence about `db`: the work enters a lock, and so takes its turn"]),
    ("work", "gather(plainly(", ["silence about `plain`: it is no async session"]),
    ("work", 'count(db, "c")', ["silence about `db`: no other work has it meanwhile, and the function waits"]),
    ("work", 'count(db, "d")', ["waited for by nobody in this function", "ends the session before the work is done"]),
    ("work", "at_once(plain", ["silence about `plain`: the work has asked it for everything before it first waits"]),
    ("work", "pool.map", ["in a thread, once for each of many arguments", "all of them use one session"]),
    (
        "loop",
        "async def read",
        ["waits at line 16 `db.execute(…)` line 17 `total(…)`", "runs for every request: `read` (line 15)"],
    ),
    ("loop", "db.execute", ["`db.execute(…)` waits for the database in the thread", "(LKS404, once, at line 16)"]),
    ("loop", "return total", ["`total(…)` waits for the database", "through `total` line 11"]),
    ("loop", "to_thread", ["in a thread", "silence about `db.scalar`", "Reported: nothing"]),
    (
        "loop",
        "select 4",
        ["may wait for the database on the event loop", "not known where it is made: an annotation alone says"],
    ),
    ("loop", "select 5", ["silence: no request and no task of a server's loop is known to come here"]),
    (
        "sockets",
        "def held",
        [
            "`held`: a websocket endpoint and its dependencies",
            "sessions `get_async_db` AsyncSession (managed), opened by `get_async_db` (app/database.py:32)",
            "waits at line 12 `socket.receive_text()`",
            "so the transaction of `get_async_db`'s session is open at line 12, and the connection with it (LKS407)",
        ],
    ),
    ("sockets", "def free", ["so silence: no transaction is certain to be open where it waits"]),
    ("sockets", "def own", ["so silence: no dependency is seen to open a session"]),
    (
        "streams",
        "StreamingResponse(lines",
        [
            "session `db`: Session (provided); its owner is the request",
            "connection the content keeps it while an item is sent",
            "until after the background tasks FastAPI 0.121.0 or newer",
            "so a connection is lost, or kept from the pool until the client has read everything (LKS403)",
        ],
    ),
    ("streams", "StreamingResponse(own", ["so silence: no session of the request, a caller or a `with` block is seen"]),
    ("entities", "(notify, order)", ["hands an entity of `Order`", "reads `customer` unloaded `customer`", "(LKS402)"]),
    ("entities", "(tell, order)", ["reads `id` so silence: nothing that the task reads is certain to be missing"]),
    ("entities", "(rename, order)", ["so silence: the session may yet write what the task changes"]),
    (
        "entities",
        "resize.delay(order)",
        ["arguments travel as JSON, unless another serializer is configured", "scalar of Order", "(LKS406)"],
    ),
    ("entities", "resize.delay(order.id)", ["so no entity and no session is sent"]),
    ("kept", "app.state.seen =", ["makes a container of the application's state", "(LKS606)"]),
    ("kept", "self.rooms = ", ["of each `Hub`", "`Hub.join` (line 16) by its parameter `room`", "(LKS606)"]),
    ("kept", "self.parts = ", ["grows perhaps, but no `Brief` is known to live as long as the process"]),
    ("kept", "errors = ", ["it keeps exceptions, with all that their frames hold: `read` puts them in (LKS611)"]),
    (
        "kept",
        "orders = ",
        ["`orders` keeps entities of `Order`", "missing `customer`", "this container keeps them (LKS605)"],
    ),
    ("kept", "few = ", ["so nothing seems to put things in"]),
    ("per_call", '"connect", heard', ["added to `engine`, which outlives the call", "none is removed (LKS607)"]),
    ("per_call", '"connect", log', ["silence: it is not known to be another function or object at each call"]),
    ("per_call", '"close", again', ["silence: no request, event or task is known to come here each time"]),
    ("per_call", "asked = ", ["reached for every request: `define`", "another table stays each time (LKS608)"]),
    ("per_call", "seldom = ", ["silence: not every call of the function defines it"]),
    ("collector", "set_threshold", ["silence: the project switches it on again, or collects by itself"]),
    ("collector", "tracemalloc.start()", ["frames 1 of each allocation", "reached the body of app/collector.py"]),
    ("collector", "start(5)", ["silence: it is not known to run at every start of the program"]),
    ("collector", "gc.collect()", ["reached for every request: `read`", "so it is done anew each time (LKS703)"]),
    ("collector", "gc.collect(2)", ["silence: the function tells what was collected"]),
    ("collector", "def heap", ["`heap` returns what `gc.get_objects` tells of the process", "(LKS704)"]),
    ("collector", "@profile", ["`profile` measures each line of `slow`", "(LKS702)"]),
    ("collector", "append(Leaf", ["`Tree` (line 43) keeps `Leaf` (line 38) in `leaves` which keeps it in `tree`"]),
    ("collector", "append(Twig", ["silence: the project sets one of the two attributes to something else"]),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project with all of it; the modules know only the database of each other."""
    root = tmp_path_factory.mktemp("program")
    write(root, {"leaklint.toml": "", **PROGRAM})
    return root


@pytest.mark.parametrize(("module", "code", "said"), CASES, ids=[f"{module}-{code}" for module, code, _ in CASES])
def test_what_is_known_and_what_is_not(
    module: str, code: str, said: list[str], program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program)
    (number,) = (n for n, text in enumerate(PROGRAM[f"app/{module}.py"].splitlines(), start=1) if code in text)
    ran = leaklint("why", f"app/{module}.py:{number}")
    told = " ".join(ran.out.split())
    assert ran.code == 0
    for words in said:
        assert words in told, ran.out


def test_what_is_read_twice_is_judged_alike(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trees of a large project do not all stay in memory; what is known of the first has to fit the second."""
    monkeypatch.chdir(program)
    monkeypatch.setattr("sqla_leaklint.semantic.project.KEPT_SOURCE_CHARACTERS", 0)
    number = ENTITIES.splitlines().index("    tasks.add_task(later, order)") + 1
    ran = leaklint("why", f"app/entities.py:{number}")
    assert "the task is not written yet (LKS402)" in ran.out
    assert "Reported: LKS402" in ran.out


@pytest.mark.parametrize("path", [path for path in PROGRAM if path.endswith(".py")])
def test_every_line_has_an_answer(path: str, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program)
    finder = SettingsFinder()
    file = SourceFile(program / path, path, finder.for_directory((program / path).parent))
    answers = Answers(file, finder.for_directory)
    for number in range(1, len(answers.lines) + 1):
        assert answers.of(number)[-1].startswith(("Reported: ", "Not reported, as "))
