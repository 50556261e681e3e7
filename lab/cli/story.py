"""What the demo does and shows, step by step."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from lab.cli.lanes import Sequence
from lab.cli.words import say
from lab.journal import Entry
from lab.journal.export import trace
from lab.reasons import hop_worded, worded
from lab.teach.stage import Pinged, Stage

if TYPE_CHECKING:
    from rich.console import Console

    from lab.cloud import SimulatedCloud

NAMES = ("web", "db", "cache", "queue", "mail", "build", "chat", "spare")
AFTERMATH_S = 5.0
"""How long the last messages of a step may take: longer than send_events_interval and the agents' polling (2 s)."""


class Teller:
    """Prints the demo in a language, or nothing at all (None)."""

    def __init__(self, lang: str | None) -> None:
        self.lang = lang or "en"
        self.silent = lang is None
        self._made: Console | None = None

    @property
    def console(self) -> Console:
        """The console to print on."""
        from lab.cli.screen import console

        if self._made is None:
            self._made = console()
        return self._made

    def line(self, key: str, style: str = "", **values: object) -> None:
        """Print a line of words."""
        if not self.silent:
            self.console.print(say(key, self.lang, **values), style=style or None, markup=False, soft_wrap=True)

    def step(self, number: int, count: int, key: str, **values: object) -> None:
        """Print the heading of a step."""
        if not self.silent:
            words = say(key, self.lang, **values)
            self.console.print(f"\n[bold reverse] {number}/{count} [/] [bold]{words}[/]", soft_wrap=True)

    def messages(self, rows: list[dict[str, Any]]) -> None:
        """Print messages as a sequence."""
        if not self.silent:
            sequence = Sequence(self.console, self.lang)
            sequence.header()
            sequence.rows(rows)


class Story:
    """One telling of the demo."""

    def __init__(self, seed: int, servers: int, teller: Teller, started: float) -> None:
        self.seed, self.names, self.teller, self.started = seed, NAMES[:servers], teller, started
        self.count = 6 + servers
        self.number = 0
        self.entries: list[Entry] = []
        self.ids: dict[str, str] = {}
        self.active_s = 0.0
        """Wall seconds from the start of the command until the first server was ACTIVE."""

    async def play(self) -> dict[str, Any]:
        """Tell the whole story and answer it as plain values."""
        from lab.cloud import Cloud
        from lab.teach.scenario import find

        default = find("default")
        async with Cloud.simulated(self.seed, config=default.settings(), datacenter=dict(default.datacenter)) as cloud:
            stage = Stage(cloud)
            self.teller.line("title", "bold")
            self.teller.line("legend", "dim")
            racks = default.datacenter.get("racks", 1)
            self.teller.line("datacenter", racks=racks, hosts=len(cloud.world.computes), processes=len(cloud.wires.processes) - 1)
            await cloud.sleep(AFTERMATH_S)  # the agents have registered; their first reports are no part of the story
            begun = stage.now()
            await self.build(cloud, stage)
            decisions = self.explain(stage)
            pings = await self.walk(cloud, stage)
            return self.summary(stage, begun, decisions, pings)

    async def build(self, cloud: SimulatedCloud, stage: Stage) -> None:
        """Make image, flavor, network, volume and servers, and attach the volume to the first server."""
        await self.step(cloud, stage, "image", stage.image("cirros", size_mib=20))
        await self.step(cloud, stage, "flavor", stage.flavor("m1.tiny"))
        await self.step(cloud, stage, "network", stage.network("blue"))
        await self.step(cloud, stage, "volume", stage.volume("data", size_gib=10))
        for name in self.names:
            await self.step(cloud, stage, "server", stage.server(name, "m1.tiny", "blue", image="cirros"), name=name)
        await self.step(cloud, stage, "attach", stage.attach(self.names[0], "data"), name=self.names[0])

    async def step(self, cloud: SimulatedCloud, stage: Stage, key: str, work: Awaitable[object], **values: object) -> None:
        """Do one step and show the messages that it caused."""
        self.number += 1
        self.teller.step(self.number, self.count, key, **values)
        mark, start = cloud.journal.seq, stage.now()
        await work
        if key == "server" and not self.active_s:
            self.active_s = time.perf_counter() - self.started
        took = stage.now() - start
        await cloud.sleep(AFTERMATH_S)
        new = [entry for entry in cloud.journal.since(mark) if entry.request_id]
        self.entries += new
        self.ids |= ids_of(stage)
        rows = trace(new, self.ids)
        self.teller.messages(rows)
        rest = sum(1 for row in rows if row["kind"] == "rest")
        queue = sum(1 for row in rows if row["kind"].startswith("rpc"))
        self.teller.line("done", "green", seconds=took, rest=rest, rpc=queue)

    def explain(self, stage: Stage) -> list[dict[str, Any]]:
        """Show why each server is where it is."""
        from lab.cli.decisions import read

        decisions = []
        for entry in self.entries:
            if entry.kind != "decision" or entry.name != "select_destinations":
                continue
            decision = read(entry)
            name = next((s.name for s in stage.servers.values() if s.id == decision.server_id), decision.server_id)
            decisions.append({"server": name, **decision.dump()})
            if not self.teller.silent:
                self.show(decision, str(name))
        return decisions

    def show(self, decision: Any, name: str) -> None:
        """Print one decision as a table."""
        self.teller.line("decision", "bold", host=decision.chosen, name=name)
        self.teller.console.print(decision.table(self.teller.lang))

    async def walk(self, cloud: SimulatedCloud, stage: Stage) -> dict[str, Pinged]:
        """Ping from each server to the next one and show the walk."""
        self.number += 1
        for source, target in zip(self.names, (*self.names[1:], self.names[0]), strict=True):
            if source == target:
                break
            self.teller.step(self.number, self.count, "ping", source=source, target=target)
            result = await stage.ping(source, target)
            if not self.teller.silent:
                for hop in result.hops:
                    self.teller.console.print(f"    {hop_worded(hop, self.teller.lang)}", markup=False, soft_wrap=True, style="dim")
            if result.rtt_ms is not None:
                self.teller.line("answered", "green", ms=result.rtt_ms)
            else:
                self.teller.line("silent", "red", reason=worded(result.reason, self.teller.lang))
            if len(self.names) == 2:
                break
        return {f"{source} -> {target}": result for (source, target), result in stage.pings.items()}

    def summary(
        self, stage: Stage, begun: float, decisions: list[dict[str, Any]], pings: dict[str, Pinged]
    ) -> dict[str, Any]:
        """Show what there is now, and answer the whole story as plain values."""
        wall, virtual = time.perf_counter() - self.started, stage.now() - begun
        servers: list[dict[str, Any]] = [
            {"name": s.name, "id": s.id, "status": s.status, "host": s.host, "addresses": s.addresses,
             "active_after_s": round(stage.took_s.get(str(s.name), 0.0), 3)}
            for s in stage.servers.values()
        ]
        if not self.teller.silent:
            self.teller.line("summary", "bold")
            for server in servers:
                words = f"    {server['name']}  {server['status']}  {server['host']}  {' '.join(server['addresses'])}"
                self.teller.console.print(words, markup=False)
            self.teller.line("timing", "", virtual=virtual, wall=wall, active=self.active_s)
            self.teller.line("next", "dim")
        return {
            "seed": self.seed,
            "servers": servers,
            "pings": {way: {"ok": p.ok, "rtt_ms": p.rtt_ms, "hops": list(p.hops), "reason": p.reason} for way, p in pings.items()},
            "decisions": decisions,
            "messages": trace(self.entries, self.ids),
            "timing": {"virtual_s": round(virtual, 3), "wall_s": round(wall, 3), "first_active_wall_s": round(self.active_s, 3)},
        }

    def mermaid(self) -> str:
        """The messages of the story as a sequence diagram."""
        from lab.journal.formats import Flow, export

        return "".join(export("mermaid", Flow(self.entries, self.ids), self.teller.lang))


def ids_of(stage: Stage) -> dict[str, str]:
    """What the ids in the messages are called: the kind and name of the thing."""
    shelves = (stage.images, stage.flavors, stage.networks, stage.subnets, stage.volumes, stage.servers)
    return {thing.id: f"{{{name}}}" for shelf in shelves for name, thing in shelf.items()}
