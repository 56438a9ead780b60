"""Two collections that are joined to one query multiply its rows; a statement for each brings every row once."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS211"

_MODELS = """\
from __future__ import annotations

from sqlalchemy import ForeignKey, insert, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from database import SessionLocal, engine
from models import Base


class Project(Base):
    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    tasks: Mapped[list[Task]] = relationship({lazy})
    members: Mapped[list[Member]] = relationship({lazy})


class Task(Base):
    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    title: Mapped[str]

    steps: Mapped[list[Step]] = relationship()


class Step(Base):
    __tablename__ = "steps"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))


class Member(Base):
    __tablename__ = "members"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]


Base.metadata.create_all(engine)
with SessionLocal.begin() as session:
    session.execute(insert(Project), [{{"id": n, "name": f"project {{n}}"}} for n in range(100)])
    session.execute(insert(Task), [{{"id": n, "project_id": n % 100, "title": f"task {{n}}"}} for n in range(2000)])
    session.execute(insert(Step), [{{"task_id": n % 2000}} for n in range(6000)])
    session.execute(insert(Member), [{{"project_id": n % 100, "name": f"member {{n}}"}} for n in range(2000)])
"""

_BY_OPTION = _MODELS.format(lazy="")
_BY_MODEL = _MODELS.format(lazy='lazy="joined"')


def _program(models: str, function: str) -> str:
    return models + "\n\n" + dedent(function)


PROOFS = (
    Proof(
        RULE,
        "100 entities with two collections of 20 each",
        _program(
            _BY_OPTION,
            """\
            def projects():
                query = select(Project).options(joinedload(Project.tasks), joinedload(Project.members))
                with SessionLocal() as session:
                    found = session.scalars(query).unique().all()
                    return sorted((len(project.tasks), len(project.members)) for project in found)
            """,
        ),
        "projects()",
        repeats=3,
    ),
    Proof(
        RULE,
        "a legacy query, with a limit",
        _program(
            _BY_OPTION,
            """\
            def page():
                with SessionLocal() as session:
                    query = session.query(Project).options(joinedload(Project.tasks))
                    query = query.options(joinedload(Project.members)).order_by(Project.id).limit(20)
                    return [(len(project.tasks), len(project.members)) for project in query]
            """,
        ),
        "page()",
        repeats=3,
    ),
    Proof(
        RULE,
        'two collections with `lazy="joined"`',
        _program(
            _BY_MODEL,
            """\
            def names():
                with SessionLocal() as session:
                    return sorted(project.name for project in session.scalars(select(Project)).unique())
            """,
        ),
        "names()",
        repeats=3,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_rows_do_not_multiply(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == fixed.result
    assert (leaking.statements, fixed.statements) == (1, 3)
    assert leaking.rows >= 9 * fixed.rows  # of 20 × 20 rows an entity, 20 + 20 and the entity itself are left
    assert (fixed.held, fixed.failures) == (0, 0)


NESTED = Proof(
    RULE,
    "a collection of a collection",
    _program(
        _BY_OPTION,
        """\
        def steps():
            query = select(Project).options(joinedload(Project.tasks).joinedload(Task.steps))
            with SessionLocal() as session:
                found = session.scalars(query).unique().all()
                return sum(len(task.steps) for project in found for task in project.tasks)
        """,
    ),
    "steps()",
    repeats=2,
)


def test_a_collection_of_a_collection_brings_each_member_once(database: Database) -> None:
    metrics, _ = run(NESTED.program, NESTED, database)

    assert (metrics.result, metrics.statements) == ("6000", 1)
    assert metrics.rows == 6000  # nothing is multiplied: the innermost collection has so many members
    assert reported(NESTED.program, NESTED) == []
