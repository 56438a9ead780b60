"""An entity does not get to a worker: JSON refuses it, and pickled it arrives without a session; its key does."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, fixed_text, reported

RULE = "LKS406"

CELERY = """\
from celery import Celery
from celery.contrib.testing.worker import start_worker

from database import SessionLocal
from models import Account
from served import noted

celery_app = Celery("shop", broker="memory://", backend="cache+memory://")


@celery_app.task
def find_address(account):
    return account.email


def send(account_id):
    with SessionLocal() as session:
        account = session.get(Account, account_id)
        return find_address.delay(account)


def sent():
    got = outcome()
    noted["failed tasks (of 1)"] = int(str(got).endswith("Error"))
    return got


def outcome():
    try:
        pending = send(7)
    except Exception as error:
        return type(error).__name__
    with start_worker(celery_app, perform_ping_check=False, shutdown_timeout=30):
        return pending.get(timeout=20)
"""
PICKLED = CELERY.replace(
    'backend="cache+memory://")\n',
    'backend="cache+memory://")\ncelery_app.conf.update(task_serializer="pickle", accept_content=["pickle", "json"])\n',
).replace("return account.email", "return len(account.posts)")
PICKLED = PICKLED.replace("pending.get(timeout=20)", "type(pending.get(timeout=20, propagate=False)).__name__")
DRAMATIQ = """\
import dramatiq
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker

from database import SessionLocal
from models import Account
from served import noted

broker = StubBroker()
dramatiq.set_broker(broker)
addresses = []


@dramatiq.actor
def remember(account):
    addresses.append(account.email)


def send(account_id):
    with SessionLocal() as session:
        account = session.get(Account, account_id)
        remember.send(account)


def sent():
    got = outcome()
    noted["failed tasks (of 1)"] = int(str(got).endswith("Error"))
    return got


def outcome():
    addresses.clear()
    try:
        send(7)
    except Exception as error:
        return type(error).__name__
    worker = Worker(broker, worker_timeout=100)
    worker.start()
    broker.join("default")
    worker.join()
    worker.stop()
    return addresses[0]
"""

BY_JSON = Proof(RULE, "Celery, by JSON", CELERY, "sent()", 2)
BY_PICKLE = Proof(RULE, "Celery, by pickle", PICKLED, "sent()", 2)
BY_DRAMATIQ = Proof(RULE, "dramatiq", DRAMATIQ, "sent()", 2)
PROOFS = (BY_JSON, BY_PICKLE)
ENDS = {
    BY_JSON: ("EncodeError", "account7@example.org"),
    BY_PICKLE: ("DetachedInstanceError", "int"),
    BY_DRAMATIQ: ("TypeError", "account7@example.org"),
}


@pytest.mark.parametrize("proof", ENDS, ids=lambda proof: proof.claim)
def test_only_the_key_gets_there(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    assert (json.loads(comparison.leaking.result), json.loads(comparison.fixed.result)) == ENDS[proof]
    assert (comparison.leaking.noted, comparison.fixed.noted) == (
        {"failed tasks (of 1)": 1},
        {"failed tasks (of 1)": 0},
    )


@pytest.mark.parametrize("proof", ENDS, ids=lambda proof: proof.claim)
def test_the_entity_is_reported_and_the_key_is_not(proof: Proof) -> None:
    assert len(reported(proof.program, proof)) == 1
    assert reported(fixed_text(proof), proof) == []


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_no_serializer_of_celery_takes_a_session(serializer: str) -> None:
    from celery import Celery
    from kombu.exceptions import EncodeError
    from sqlalchemy.orm import Session

    app = Celery("shop", broker="memory://")
    with pytest.raises(EncodeError):
        app.send_task("work", args=[Session()], serializer=serializer)


def test_a_new_object_survives_pickle_as_it_is() -> None:
    """Why what no session has yet may be pickled."""
    import pickle

    from tests.proofs.project.models import Country

    copy = pickle.loads(pickle.dumps(Country(code="at", name="Austria")))
    assert (copy.code, copy.name) == ("at", "Austria")
