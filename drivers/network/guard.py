"""What keeps guests from the host they run on: on their devices the host's own IP stack hears nothing.

Open vSwitch's userspace datapath takes frames beside the kernel, and a bridge takes them for itself too: without this a
guest could speak to services of the host by a broadcast, or be answered by ARP for the host's addresses.
"""

from __future__ import annotations

from drivers.network.programs import run
from drivers.network.taps import GROUP
from drivers.place import Place
from drivers.sweep import Trace
from lab.errors import NetworkError


def table(place: Place) -> str:
    """The name of this cloud's nft tables."""
    return f"gc_{place.cloud.replace('-', '_')}"


async def put_up(place: Place, routed: bool) -> None:
    """Drop what the group's devices bring to the host; `routed` also what the host would route (not where it bridges them)."""
    name = table(place)
    hooks = ["input", "forward"] if routed else ["input"]
    text = ""
    for family, own in (("inet", hooks), ("arp", ["input"])):
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority -10; policy accept; iifgroup {GROUP} drop; }}\n" for hook in own
        )
        text += f"add table {family} {name}\ndelete table {family} {name}\ntable {family} {name} {{\n{chains}}}\n"
    await run("nft", "-f", "-", stdin=text)


async def found(place: Place) -> list[Trace]:
    """The tables that are there."""
    try:
        lines = (await run("nft", "list", "tables")).splitlines()
    except NetworkError:
        return []
    return [Trace("nft-table", line.removeprefix("table ").strip()) for line in lines if line.split()[-1:] == [table(place)]]


async def take_down(place: Place, trace: Trace) -> None:
    """Remove one of them; gone is no error."""
    if trace in await found(place):
        await run("nft", "delete", "table", *trace.name.split())
