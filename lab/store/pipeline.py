"""A connection to PostgreSQL as transactions use it: statements are prepared once, and sent when somebody asks for rows, or at the end.

So the beginning of a transaction goes with its first look, and what it writes with the next one or with its end: an answer is
waited for only where there is something in it. psycopg's layer over libpq is used (`psycopg.pq`), without its cursors: they
prepare anew what a program forgets among a hundred statements, and cost as much again as the statement.

libpq's own wait for an answer holds all threads of a program, hears no signal and has no end; so it is waited for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from select import POLLIN, POLLOUT, poll
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
STATEMENT_MS = 30_000
"""After so long the server ends a statement by itself."""
SILENT_MS = STATEMENT_MS + 5_000
"""A server that has not answered after so long never will: it hangs, or the way to it is cut."""


class Pipeline:
    """The transactions of one connection, one after another, with the face of a cursor."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._server, self._rows = connection.pgconn, Transformer(connection)
        self._prepared: dict[str, bytes] = {}
        """The server's name of each statement; there are as many as the program has ways to ask."""
        self._waiting: list[tuple[bytes, list[bytes | None]]] = []
        self._poll = poll()
        self._poll.register(self._server.socket, POLLIN)

    def begin(self) -> None:
        """Begin a transaction; what waited of the one before is not sent."""
        self._waiting.clear()
        self.execute("BEGIN")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Have a statement sent, its values marked by %s, before what comes next. Raises what is wrong with it here or there."""
        name = self._prepared.get(statement) or self._prepare(statement)
        self._waiting.append((name, [_text(value) for value in values]))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Send what waits; the rows of the last. Raises psycopg's errors of any of them."""
        result = self._send()
        self._rows.set_pgresult(result)
        return self._rows.load_rows(0, result.ntuples, tuple)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first of these rows."""
        return next(iter(self.fetchall()), None)

    def commit(self) -> None:
        """Send what waits, and make it last."""
        if len(self._waiting) == 1 and not self._server.transaction_status:
            self._waiting.clear()  # nothing was asked since it began
            return
        self.execute("COMMIT")
        self._send()

    def _prepare(self, statement: str) -> bytes:
        head, *tail = statement.split("%s")
        text = head + "".join(f"${number}{part}" for number, part in enumerate(tail, 1))
        name = f"s{len(self._prepared)}".encode()
        self._server.send_prepare(name, text.encode())
        result = self._result()
        if result.status not in DONE:
            raise error_from_result(result)
        self._prepared[statement] = name
        return name

    def _send(self) -> Any:
        waiting, self._waiting = self._waiting, []
        server = self._server
        server.enter_pipeline_mode()
        for name, values in waiting:
            server.send_query_prepared(name, values)
        server.pipeline_sync()
        results = [self._result() for _ in waiting]
        self._get()  # that of the synchronisation
        server.exit_pipeline_mode()
        for result in results:
            if result.status not in DONE:
                raise error_from_result(result)
        return results[-1]

    def _result(self) -> Any:
        result = self._get()
        if result is None:
            raise psycopg.OperationalError("the connection to the server was lost")
        self._get()  # nothing more comes of this one
        return result

    def _get(self) -> Any:
        """The next result, or None, once it is there. Raises OperationalError, with the connection closed, when none comes."""
        server = self._server
        while server.is_busy():
            unsent = server.flush()
            if unsent:
                self._poll.modify(server.socket, POLLIN | POLLOUT)
            came = self._poll.poll(SILENT_MS)
            if unsent:
                self._poll.modify(server.socket, POLLIN)
            if not came:
                server.finish()
                raise psycopg.OperationalError(f"the server did not answer within {SILENT_MS // 1000} s")
            server.consume_input()
        return server.get_result()


def _text(value: Any) -> bytes | None:
    """A value as the server reads it. Raises DataError for a text that PostgreSQL cannot hold."""
    if value is None:
        return None
    if isinstance(value, str):
        data = value.encode()
        if b"\0" in data:
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return data
    if isinstance(value, bool):
        return b"t" if value else b"f"
    return b"%d" % value if isinstance(value, int) else repr(float(value)).encode()
