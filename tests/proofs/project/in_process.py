"""Requests to an application on the event loop of whoever asks, whose threads are the same in each run."""

from __future__ import annotations

from typing import Any


async def post(application: Any, path: str) -> list[Any]:
    """Status and body of the answer; raises what the application raises."""
    answered: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answered.append(message)

    await application(_scope(path), receive, send)
    body = b"".join(message.get("body", b"") for message in answered)
    return [answered[0]["status"], body.decode()]


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
