"""An export that gathers all rows, their values and their text costs all of them; one that writes them as they come, a
batch: the same file.
"""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS209"

PROOFS = (
    Proof(
        RULE,
        "a job gathers lines, joins them and writes a file",
        """\
        import hashlib
        import json
        import tempfile
        from pathlib import Path

        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def export(path):
            with SessionLocal() as session:
                all_posts = session.execute(select(Post).where(Post.id <= 100_000).order_by(Post.id)).scalars().all()
                csv_data = [["published", "title", "body"]]
                for post in all_posts:
                    csv_data.append([post.published_at.isoformat(), post.title, json.dumps(post.body)])
                csv_content = "\\n".join([";".join(row) for row in csv_data])
                with open(path, "w") as file:
                    file.write(csv_content)


        def digest():
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / "posts.csv"
                export(path)
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
        """,
        "digest()",
        repeats=2,
        remedy="""\
        import hashlib
        import json
        import tempfile
        from pathlib import Path

        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def export(path):
            with SessionLocal() as session, open(path, "w") as file:
                file.write("published;title;body")
                query = select(Post).where(Post.id <= 100_000).order_by(Post.id).execution_options(yield_per=1000)
                for post in session.scalars(query):
                    row = [post.published_at.isoformat(), post.title, json.dumps(post.body)]
                    file.write("\\n" + ";".join(row))


        def digest():
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / "posts.csv"
                export(path)
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
        """,
        at_scale=True,
    ),
    Proof(
        RULE,
        "an endpoint fills a buffer and sends it",
        """\
        import csv
        import hashlib
        import io

        from fastapi import Depends, FastAPI
        from fastapi.responses import StreamingResponse
        from sqlalchemy import select
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Post

        app = FastAPI()


        def get_db():
            with SessionLocal() as db:
                yield db


        @app.get("/posts.csv")
        def export(db: Session = Depends(get_db)):
            posts = db.scalars(select(Post).where(Post.id <= 100_000).order_by(Post.id)).all()
            output = io.StringIO()
            writer = csv.writer(output)
            writer.writerow(["id", "title", "body"])
            for post in posts:
                writer.writerow([post.id, post.title, post.body])
            output.seek(0)
            return StreamingResponse(iter([output.getvalue()]), media_type="text/csv")


        async def digest():
            found = hashlib.sha256()

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message):
                found.update(message.get("body", b""))

            scope = {"type": "http", "method": "GET", "path": "/posts.csv", "raw_path": b"/posts.csv"}
            scope |= {"query_string": b"", "headers": [], "asgi": {"version": "3.0", "spec_version": "2.4"}}
            await app(scope, receive, send)
            return found.hexdigest()
        """,
        "digest()",
        repeats=2,
        at_scale=True,
    ),
    Proof(
        RULE,
        "the same with asyncio",
        """\
        import csv
        import hashlib
        import io

        from fastapi.responses import StreamingResponse
        from sqlalchemy import select
        from sqlalchemy.ext.asyncio import AsyncSession

        from async_database import AsyncSessionLocal
        from models import Post


        async def export(db: AsyncSession):
            query = select(Post).where(Post.id <= 100_000).order_by(Post.id)
            result = await db.execute(query)
            posts = result.scalars().all()

            output = io.StringIO()
            writer = csv.writer(output)
            writer.writerow(["id", "title", "body"])
            for post in posts:
                writer.writerow([post.id, post.title, post.body])

            output.seek(0)
            return StreamingResponse(iter([output.getvalue()]), media_type="text/csv")


        async def digest():
            found = hashlib.sha256()
            async with AsyncSessionLocal() as db:
                response = await export(db)
                async for chunk in response.body_iterator:
                    found.update(chunk.encode())
            return found.hexdigest()
        """,
        "digest()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_rows_that_leave_as_they_come_cost_a_batch(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "yield_per=1000" in comparison.remedy
    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 4 < leaking.peak * 3
