"""What pages cannot show of the fixes of LKS401, 402 and 406: line ends, indentation, comments, and a second run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover

PROGRAM = """\
from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

app = FastAPI()
engine = create_engine("sqlite://")


def get_db():
    with Session(engine) as db:
        yield db


def work(db, text, number):
    ...


@app.post("/")
def create(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(
        work,
        db,
        "grüße",
        number=1,
    )


@app.post("/again")
def again(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(work, db, "a", number=(
        2
    ))
"""

FIXED = """\
from contextlib import contextmanager

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

app = FastAPI()
engine = create_engine("sqlite://")


def get_db():
    with Session(engine) as db:
        yield db


def work(db, text, number):
    ...


def work_in_own_session(text, number):
    with contextmanager(get_db)() as db:
        work(db, text, number=number)


@app.post("/")
def create(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(db.close)
    tasks.add_task(
        work_in_own_session,
        "grüße",
        number=1,
    )


@app.post("/again")
def again(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(db.close)
    tasks.add_task(work_in_own_session, "a", number=(
        2
    ))
"""


MODELS = """\
from fastapi import BackgroundTasks, Depends, FastAPI
from celery import Celery
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

app = FastAPI()
celery = Celery("shop")
engine = create_engine("sqlite://")


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]


class Order(Base):
    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship()


"""

ENTITY = """\
def get_db():
    with Session(engine) as db:
        yield db


def greet(text, order):
    print(text, order.customer.email)


@app.post("/")
def create(order_id: int, tasks: BackgroundTasks, db: Session = Depends(get_db)):
    order = db.get(Order, order_id)
    tasks.add_task(
        greet,
        "grüße",
        order=(order),  # kept
    )


@celery.task
def send_later(order: Order, *, text="grüße"):
    # mail it
    print(text, order.id)


def send(order_id):
    with Session(engine) as session:
        order = session.get(Order, order_id)
        send_later.delay(
            order,  # kept
            text="grüße",
        )
"""

BY_KEY = """\
def get_db():
    with Session(engine) as db:
        yield db


def greet(text, order):
    print(text, order.customer.email)


def greet_by_key(text, order_id):
    with contextmanager(get_db)() as session:
        order = session.get(Order, order_id, options=[selectinload(Order.customer)])
    greet(text, order=order)


@app.post("/")
def create(order_id: int, tasks: BackgroundTasks, db: Session = Depends(get_db)):
    order = db.get(Order, order_id)
    tasks.add_task(db.close)
    tasks.add_task(
        greet_by_key,
        "grüße",
        order_id=order_id,  # kept
    )


@celery.task
def send_later(order_id, *, text="grüße"):
    # mail it
    with Session(engine) as session:
        order = session.get(Order, order_id)
    print(text, order.id)


def send(order_id):
    with Session(engine) as session:
        order = session.get(Order, order_id)
        send_later.delay(
            order_id,  # kept
            text="grüße",
        )
"""

IMPORTS = ("mapped_column, relationship\n", "mapped_column, relationship, selectinload\n")
CASES = {
    "session": (PROGRAM, FIXED),
    "entity": (MODELS + ENTITY, "from contextlib import contextmanager\n\n" + MODELS.replace(*IMPORTS) + BY_KEY),
}


def fixed(path: Path) -> str | None:
    """The text after all fixes; None when nothing was to do."""
    settings = Settings(select=("LKS401", "LKS402", "LKS406"))
    files = list(discover([str(path)], lambda _: settings))
    report = linter.run(files, lambda _: settings, allowed=frozenset(Applicability))
    assert not report.failures
    assert not report.taken_back
    return report.changes[0].new.source.text if report.changes else None


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["    ", "\t", "  "])
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("case", CASES)
def test_the_layout_is_kept(case: str, newline: str, indent: str, end: str, tmp_path: Path) -> None:
    def as_written(text: str) -> str:
        return (text.rstrip("\n") + end).replace("    ", indent).replace("\n", newline)

    program, expected = CASES[case]
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    path = tmp_path / "main.py"
    path.write_bytes(as_written(program).encode())
    text = fixed(path)
    assert text == as_written(expected)

    path.write_bytes(text.encode())
    assert fixed(path) is None
