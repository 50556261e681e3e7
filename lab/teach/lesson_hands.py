"""The hands of a lesson: they do its work in the cloud and on the table, and what a student types to have done."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lab.bench import Walk
from lab.client.session import ApiError
from lab.errors import LabError
from lab.journal import Entry
from lab.journal.export import trace
from lab.reasons import hop_worded, worded
from lab.teach.lesson_glass import Glass
from lab.teach.lesson_seen import Seen
from lab.teach.lesson_table import Said, Table, draw
from lab.teach.lesson_terms import Slip, term
from lab.teach.player import parameters
from lab.teach.schema import Item
from lab.teach.stage import SETTLE_S, Pinged, Stage

if TYPE_CHECKING:
    from lab.cloud import Cloud

SHELVES = ("image", "flavor", "network", "server")
WORDS_AFTER = {"ping": 2, "services": 0}
"""How many words a verb wants, if not one."""
WAIT_MAX_S = 3600
ARROWS = {"rest": ("──▶", ""), "rpc_call": ("══▶", "call "), "rpc_cast": ("══▷", "cast "), "rpc_reply": ("┄┄▷", "reply ")}
"""Kind of message -> its arrow, and the word before its name: REST is a thin line, the message queue a double one."""
UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22}\b")
PROCESS_VERBS = ("kill", "restart")
CLOUD_USAGE = {
    "ping": "ping SERVER SERVER", "kill": "kill PROCESS@HOST", "restart": "restart PROCESS@HOST", "trace": "trace REQUEST-ID | SERVER",
    "drivers": "drivers REQUEST-ID | SERVER", "services": "services", "wait": f"wait SECONDS (1-{WAIT_MAX_S})",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one piece of work, in lines of plain text.

    `kind` is table, walk, trace, fault or cloud. `request` names the request of a trace: a face with a screen shows its
    messages there, in a plain terminal they are drawn from the journal.
    """

    kind: str
    text: str
    lines: tuple[str, ...] = ()
    ok: bool = True
    request: str = ""


class Hands(Stage):
    """Works in one cloud, as scenarios do, and on one table."""

    def __init__(self, cloud: Cloud, glass: Glass, table: Table, lang: str) -> None:
        given: Any = cloud  # of a simulated cloud a stage needs only the ping, and that goes through the glass here
        super().__init__(given)
        self.glass, self.table, self.lang = glass, table, lang

    def words(self, key: str, **values: object) -> str:
        """Word something in the student's language."""
        return term(key, self.lang, **values)

    def usage(self) -> dict[str, str]:
        """What can be typed now: a line's first word, and how it is written."""
        return {**({} if self.table.bare else Table.USAGE), **CLOUD_USAGE}

    async def adopt(self) -> None:
        """Take what others made in the cloud onto the shelves: the student works there too."""
        cloud = self.cloud
        shelves: list[tuple[dict[str, Any], Any]] = [
            (self.images, cloud.image.images), (self.flavors, cloud.compute.flavors), (self.networks, cloud.network.networks),
            (self.servers, cloud.compute.servers),
        ]
        for shelf, nouns in shelves:
            there = await nouns.list()
            shelf.clear()
            shelf.update({str(thing.name): thing for thing in reversed(there)})

    async def work(self, items: Iterable[Item]) -> list[Outcome]:
        """Do all of it; what the cloud refuses is told and the rest is done."""
        outcomes: list[Outcome] = []
        adopted = False
        for item in items:
            if item.kind == "table":
                outcomes += self.lay(item["lines"])
                continue
            if not adopted:
                await self.adopt()
                adopted = True
            outcomes.append(await self._do(item))
        return outcomes

    async def _do(self, item: Item) -> Outcome:
        try:
            if item.kind == "fault":
                return await self.plant(item["fault"].kind, item["fault"].args)
            if item.kind == "omit":
                vlan = self.networks[item["network"]]["provider:segmentation_id"]
                await self.plant("trunk", {"trunk": item["trunk"], "vlan": vlan, "do": "omit"})
                return Outcome("fault", self.words("hidden"))  # where it is, is for the student to find out
            if item.kind == "delete" and not any(name in getattr(self, f"{kind}s", ()) for kind, name in item.args.items()):
                return Outcome("cloud", self.told(item))
            if item.kind in {"trace", "drivers"}:
                return await (self.trace if item.kind == "trace" else self.drivers)(item["server"])
            if item.kind == "ping":
                return self.walked(item["from"], item["to"], await self.ping(**parameters(item)))
            return await self._step(item)
        except ApiError as error:
            return Outcome("cloud", self.words("refused", what=item.kind, text=error.text), ok=False)

    async def _step(self, item: Item) -> Outcome:
        """A step as scenarios have it. What the student has made already is left as it is; a server of it is waited for."""
        before = len(self.notes)
        shelves: dict[str, dict[str, Any]] = {name: getattr(self, f"{name}s") for name in SHELVES}
        there = shelves.get(item.kind, {}).get(item.get("name", ""))
        if there is None:
            await getattr(self, item.kind)(**parameters(item))
        elif item.kind == "server" and item.get("wait", True):
            await self.settled(there, ("ACTIVE", "ERROR"), SETTLE_S, fresh=True)
        if item.kind == "delete":
            for kind, name in item.args.items():
                shelves.get(kind, {}).pop(name, None)
        late = self.notes[before:]
        return Outcome("cloud", "; ".join(late) or self.told(item), ok=not late)

    def told(self, item: Item) -> str:
        """What was done in the cloud, in a line."""
        if item.kind == "wait" and item.get("seconds"):
            return self.words("waited", seconds=item["seconds"])
        if "name" in item.args:
            return self.words("made", kind=item.kind, name=item["name"])
        shown = [str(value) for key, value in item.args.items() if key != "timeout_s"]
        return self.words("did", what=" ".join([item.kind, *shown]))

    # -- one thing each -----------------------------------------------------------------------

    async def plant(self, kind: str, what: dict[str, Any]) -> Outcome:
        """Plant a fault."""
        await self.glass.plant(kind, what)
        shown = f"{what['do']} {what[kind]}"
        on = what.get("on")
        if on is None:
            return Outcome("fault", self.words("did", what=shown))
        return Outcome("fault", self.words("armed", what=shown, on=on.get("driver") or on.get("message")))

    async def trace(self, name: str) -> Outcome:
        """The messages of a request, or of the request that made a server."""
        entries = await self.glass.entries()
        request = request_of(name, entries)
        rows = [row for row in trace(e for e in entries if e.request_id == request) if row["kind"] in ARROWS]
        count = sum(1 for row in rows if row["kind"] != "rpc_reply")
        lines = tuple(drawn(row, rows[0]["t_ms"]) for row in rows)
        return Outcome("trace", self.words("messages", count=count, request=request), lines, request=request)

    async def drivers(self, name: str) -> Outcome:
        """The driver calls of a request, or of the request that made a server: where something real was done."""
        entries = await self.glass.entries()
        request = request_of(name, entries)
        calls = [e for e in entries if e.kind == "driver_reply" and e.request_id == request]
        lines = [f"{e.target:<26} {e.source:<22} {e.name:<24} {e.duration / 1e9:8.3f} s  {e.status}" for e in calls]
        return Outcome("trace", self.words("driver-calls", count=len(calls), request=request), tuple(lines))

    async def services(self) -> Outcome:
        """Nova's services, as it knows them."""
        found = [service.data for service in await self.cloud.compute.services.list()]
        lines = [f"{s['binary']:<16} {s['host']:<16} {s['status']:<10} {s['state']}" for s in found]
        return Outcome("cloud", "Binary           Host             Status     State", tuple(lines))

    def walked(self, source: str, target: str, walk: Walk | Pinged) -> Outcome:
        """What came of a ping."""
        if walk.rtt_ms is not None:
            text = self.words("answered", ms=walk.rtt_ms)
        else:
            reason = worded(walk.reason, self.lang)
            text = self.words("silent", reason=f"{walk.failed_at}: {reason}" if walk.failed_at else reason)
        return Outcome("walk", f"ping {source} → {target}: {text}", tuple(hop_worded(hop, self.lang) for hop in walk.hops), walk.ok)

    async def _ping(self, source: str, to: str) -> Pinged:
        for name in (source, to):
            if name not in self.servers:
                raise Slip("no-server", name=name, known=", ".join(self.servers) or "-")
        addresses = (await self.servers[to].refresh()).addresses
        if not addresses:
            return Pinged(False, None, (), to, f"{to} has no address")
        return await self.glass.ping(self.servers[source].id, addresses[0])

    def lay(self, lines: Iterable[str]) -> list[Outcome]:
        """Do lines on the table; it is drawn when they changed it."""
        outcomes: list[Outcome] = []
        changed = False
        for line in lines:
            said = self.table.do(line)
            if said.walk is None and said.learned is None:
                changed = True
                continue
            if changed:
                outcomes.append(self.drawn())
                changed = False
            outcomes.append(self.said(said))
        return [*outcomes, self.drawn()] if changed else outcomes

    def drawn(self) -> Outcome:
        """The table as it stands."""
        return Outcome("table", "", tuple(draw(self.table.plan)))

    def said(self, said: Said) -> Outcome:
        """What a question to the table was answered."""
        if said.walk is not None:
            _, source, target = said.line.split()
            return self.walked(source, target, said.walk)
        rows = [f"VLAN {vlan}: {owner} → {port}" for vlan, owner, port in said.learned or ()]
        return Outcome("table", said.line, tuple(rows) or ("-",))

    # -- what is typed ------------------------------------------------------------------------

    async def typed(self, line: str) -> list[Outcome]:
        """Do what a student typed: a line of the table while there is one, else in the cloud. Raises Slip when it cannot be done."""
        verb, *words = line.split()
        if not self.table.bare and verb == "clear":  # a student who wants an empty table wants to begin the step again
            self.table.back()
            return [self.drawn()]
        if not self.table.bare and verb in Table.USAGE and not (verb == "ping" and set(words) - set(self.table.plan.servers)):
            return [replace(outcome, text=outcome.text or line) for outcome in self.lay([line])]
        if verb not in CLOUD_USAGE:
            raise Slip("no-command", given=verb, known=", ".join([*self.usage(), "openstack"]))
        if len(words) != WORDS_AFTER.get(verb, 1):
            raise Slip("usage", usage=CLOUD_USAGE[verb])
        return [await self._in_cloud(verb, words)]

    async def _in_cloud(self, verb: str, words: list[str]) -> Outcome:
        await self.adopt()
        if verb == "ping":
            source, target = words
            result = self.pings[source, target] = await self._ping(source, target)
            return self.walked(source, target, result)
        if verb in {"trace", "drivers"}:
            return await (self.trace if verb == "trace" else self.drivers)(words[0])
        if verb == "services":
            return await self.services()
        if verb in PROCESS_VERBS:
            try:
                return await self.plant("process", {"process": words[0], "do": verb})
            except LabError as error:
                raise Slip("refused", what=verb, text=str(error)) from None
        try:
            seconds = float(words[0])
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= WAIT_MAX_S:
            raise Slip("usage", usage=CLOUD_USAGE[verb])
        await self.cloud.sleep(seconds)
        return Outcome("cloud", self.words("waited", seconds=seconds))


def drawn(row: dict[str, Any], start_ms: float) -> str:
    """A message in a line: when, from whom to whom, what, and how it ended."""
    where = UUID.sub(r"\1…", row["path_or_topic"]) if row["kind"] == "rest" else ""
    words = " ".join(str(each) for each in (row["method"], where, row["status"]) if each)
    arrow, word = ARROWS[row["kind"]]
    return f"{(row['t_ms'] - start_ms) / 1000:6.3f} {row['source']} {arrow} {row['target']} {word}{words}"


def request_of(name: str, entries: list[Entry]) -> str:
    """The id of a request given by its beginning, or of the request that made a server. Raises Slip when there is none."""
    if name.startswith("req-"):
        found = next((e.request_id for e in entries if e.request_id.startswith(name)), "")
    else:
        made = Seen(entries=tuple(entries)).creation(name)
        found = made[0].request_id if made else ""
    if not found:
        raise Slip("no-request", name=name)
    return found
