"""The database of Open vSwitch over its own protocol (RFC 7047): a copy that the server keeps up to date, and transactions.

One transaction is one message; that the switch has done it is seen when `cur_cfg` reaches what the transaction put into
`next_cfg`, as ovs-vsctl waits for it.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.errors import DriverTimeout, NetworkError, system_words

Json = dict[str, Any]
Row = dict[str, Any]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Open_vSwitch": ("cur_cfg", "next_cfg", "bridges"),
    "Bridge": ("name", "ports", "external_ids", "datapath_type"),
    "Port": ("name", "interfaces", "tag", "external_ids"),
    "Interface": ("name", "type", "ofport", "ofport_request", "error", "external_ids"),
}


def decode(value: Any) -> Any:
    """A value of the protocol as Python's: maps as dicts, sets as lists (one member as itself, none as None), ids as text."""
    if not isinstance(value, list):
        return value
    kind, inner = value
    if kind == "map":
        return {decode(k): decode(v) for k, v in inner}
    if kind == "set":
        return None if not inner else [decode(v) for v in inner]
    return inner


def mapping(values: Mapping[str, str]) -> list[Any]:
    """A map as the protocol has it."""
    return ["map", [[k, v] for k, v in values.items()]]


def listed(value: Any) -> list[Any]:
    """A set's members, however many there are."""
    return [] if value is None else value if isinstance(value, list) else [value]


class Ovsdb:
    """A connection to one database server; its copy of the tables is in `rows`, by table and row id."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.path, self.timeout_s = path, timeout_s
        self.rows: dict[str, dict[str, Row]] = {table: {} for table in COLUMNS}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Event()
        self._id = 0

    @property
    def connected(self) -> bool:
        """Whether the server is there."""
        return self._reading is not None and not self._reading.done()

    async def connect(self) -> None:
        """Connect and take the copy; a repeat does nothing while the connection stands. Raises NetworkError."""
        if self.connected:
            return
        await self.close()
        try:
            reader, self._writer = await asyncio.open_unix_connection(str(self.path))
        except OSError as error:
            raise NetworkError(
                f"Open vSwitch's database {self.path} does not answer ({error.strerror or error}); "
                f"start it (systemctl start openvswitch-switch), or name its run_directory",
                ko=f"Open vSwitch의 데이터베이스 {self.path}에서 응답이 없습니다({system_words(error, 'ko')}). "
                f"시작하거나(systemctl start openvswitch-switch) run_directory를 지정하십시오",
            ) from None
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))
        tables = {table: [{"columns": list(columns)}] for table, columns in COLUMNS.items()}
        first = await self._ask("monitor", ["Open_vSwitch", None, tables])
        self.rows = {table: {} for table in COLUMNS}
        self._apply(first)

    async def close(self) -> None:
        """Disconnect; a repeat is no error."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def named(self, table: str, name: str) -> tuple[str, Row] | None:
        """The row of that name with its id, or None."""
        return next(((uuid, row) for uuid, row in self.rows[table].items() if row["name"] == name), None)

    async def transact(self, operations: list[Json]) -> None:
        """Do all operations or none, and wait until the switch has done what they say.

        Raises NetworkError with the server's words, DriverTimeout when the switch does not follow.
        """
        root = next(iter(self.rows["Open_vSwitch"]), None)
        if root is None:
            raise NetworkError(f"Open vSwitch's database {self.path} is empty; run ovs-vsctl init")
        where = [["_uuid", "==", ["uuid", root]]]
        follow = [
            {"op": "mutate", "table": "Open_vSwitch", "where": where, "mutations": [["next_cfg", "+=", 1]]},
            {"op": "select", "table": "Open_vSwitch", "where": where, "columns": ["next_cfg"]},
        ]
        results = await self._ask("transact", ["Open_vSwitch", *operations, *follow])
        for result in results:
            if result is not None and "error" in result:
                raise NetworkError(f"Open vSwitch's database refused: {result['error']}: {result.get('details', '')}")
        goal = results[-1]["rows"][0]["next_cfg"]
        await self.until(
            lambda: any(row["cur_cfg"] >= goal for row in self.rows["Open_vSwitch"].values()), "to do what its database says"
        )

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until something is so in the copy. Raises DriverTimeout, NetworkError when the connection ends."""
        try:
            async with asyncio.timeout(self.timeout_s):
                while not true():
                    if not self.connected:
                        raise NetworkError(f"Open vSwitch's database {self.path} ended the connection; start it again")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise DriverTimeout(
                f"Open vSwitch ({self.path.parent}) took more than {self.timeout_s:g} s {what}; does ovs-vswitchd run?"
            ) from None

    # -- the protocol ------------------------------------------------------------------------------

    async def _ask(self, method: str, params: list[Any]) -> Any:
        self._id = number = self._id + 1
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        try:
            self._send({"method": method, "params": params, "id": number})
            async with asyncio.timeout(self.timeout_s):
                answer = await future
        except TimeoutError:
            raise DriverTimeout(f"Open vSwitch's database {self.path} did not answer {method}") from None
        finally:
            self._waiting.pop(number, None)
        if answer.get("error") is not None:
            raise NetworkError(f"Open vSwitch's database refused {method}: {answer['error']}")
        return answer["result"]

    def _send(self, message: Json) -> None:
        if self._writer is None or not self.connected:
            raise NetworkError(f"Open vSwitch's database {self.path} is not connected; open the driver again")
        self._writer.write(json.dumps(message).encode())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take messages, which follow each other without any mark between them."""
        decoder, letters, text = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")(), ""
        try:
            while data := await reader.read(1 << 20):
                text += letters.decode(data)
                while text:
                    try:
                        message, end = decoder.raw_decode(text)
                    except json.JSONDecodeError:
                        break
                    text = text[end:].lstrip()
                    self._take(message)
        except OSError:
            pass
        finally:
            lost = NetworkError(f"Open vSwitch's database {self.path} ended the connection; start it again")
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(lost)
            asyncio.get_running_loop().call_soon(self._changed.set)

    def _take(self, message: Json) -> None:
        method = message.get("method")
        if method == "update":
            self._apply(message["params"][1])
        elif method == "echo":
            self._send({"result": message["params"], "error": None, "id": message["id"]})
        elif method is None:
            future = self._waiting.get(message["id"])
            if future is not None and not future.done():
                future.set_result(message)

    def _apply(self, tables: Json) -> None:
        for table, changes in tables.items():
            rows = self.rows[table]
            for uuid, change in changes.items():
                new = change.get("new")
                if new is None:
                    rows.pop(uuid, None)
                else:
                    rows[uuid] = {column: decode(value) for column, value in new.items()}
        self._changed.set()
