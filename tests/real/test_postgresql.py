"""The store on a real PostgreSQL server that the test starts on loopback: the same body as every other store."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.store import MemoryStore
from lab.store.sql import SqlStore
from tests.conformance.test_store import Item, Owner, outcome

pytestmark = pytest.mark.real

USER = "postgres"
"""PostgreSQL refuses to run as root; Debian's package makes this user."""


def _tools() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
    return found[-1]


def _as_user(command: list[str]) -> list[str]:
    return ["runuser", "-u", USER, "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("psycopg", reason="the driver is missing; pip install glasscloud[real]")
    tools = _tools()
    folder = tmp_path_factory.mktemp("postgresql")
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        _as_user([str(tools / "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8"]), check=True, capture_output=True
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    log = str(folder / "log")
    subprocess.run(
        _as_user([str(tools / "pg_ctl"), "-D", str(data), "-o", options, "-l", log, "-w", "start"]), check=True, capture_output=True
    )
    try:
        yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(_as_user([str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]), check=True, capture_output=True)


def test_the_same_operations_give_the_same_answers(url: str) -> None:
    stores = [MemoryStore(), SqlStore(url)]
    works = [
        lambda tx: tx.insert(Owner.make(id="o1")),
        lambda tx: [
            tx.insert(Item.make(id=k, name=k, host="h1", owner="o1", tags=["x"], extra={"n": 1}, pair=("p",), on=True)) for k in "cab"
        ],
        lambda tx: tx.insert(Item.make(id="d", name="a", owner="o1")),
        lambda tx: tx.insert(Item.make(id="d", name="long one")),
        lambda tx: tx.update(tx.get(Item, "a"), host=None, size=2**40),
        lambda tx: tx.update(tx.get(Item, "a").evolve(generation=0), host="h2"),
        lambda tx: tx.delete(Owner.make(id="o1")),
        lambda tx: (tx.delete(tx.get(Item, "c")), tx.get(Item, "none"), tx.find(Item, host="h1"), tx.count(Item)),
        lambda tx: (tx.find(Item, host=None), tx.find(Item, tags=["x"]), tx.one(Item, name="b"), tx.all(Item)),
    ]
    for number, work in enumerate(works):
        first, second = (outcome(store, work) for store in stores)
        assert second == first, number


def test_a_failed_transaction_leaves_nothing(url: str) -> None:
    store = SqlStore(url)
    before = store.transact(lambda tx: tx.all(Item))

    def half(tx: object) -> None:
        for item in tx.all(Item):  # type: ignore[attr-defined]
            tx.delete(item)  # type: ignore[attr-defined]
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.transact(half)
    assert store.transact(lambda tx: tx.all(Item)) == before


def test_a_reopened_database_has_what_was_committed(url: str) -> None:
    SqlStore(url).transact(lambda tx: tx.insert(Owner.make(id="kept")))
    assert SqlStore(url).transact(lambda tx: tx.get(Owner, "kept")) is not None
