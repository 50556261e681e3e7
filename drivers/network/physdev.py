"""Security groups on Linux bridges: iptables where connections are tracked, nftables where a guest's own addresses are held.

    bridge gc_lab (nft)      a frame's MAC, ARP and IP source must be the port's own; nobody plays DHCP server
    raw    gc_lab            a network's number is its zone of connection tracking: two may have the same addresses
    filter gc_lab            from a guest: its egress rules (gc_lab-o…); to a guest: its ingress rules (gc_lab-i…)

Connection tracking of bridged packets by iptables works on every kernel with br_netfilter; nftables' own only where
nf_conntrack_bridge is. IPv4 and ARP pass; IPv6 of guests with port security does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from drivers.network.guard import table
from drivers.network.links import device_name
from drivers.network.programs import run
from drivers.place import Place
from drivers.sweep import Trace
from lab.errors import NetworkError
from lab.services.network.driver import NOBODY, PortWiring, SecurityRule

SWITCH = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
BRIDGED = "--physdev-is-bridged"
NO_ADDRESS = "0.0.0.0"  # noqa: S104  what a guest sends from before it has an address


class BridgeFirewall:
    """The rules of one cloud on one host."""

    def __init__(self, place: Place) -> None:
        self.head = device_name("gc_", place.cloud.replace("-", "_"))
        self.table = table(place)

    async def open(self, taps: Iterable[str]) -> None:
        """Put up what holds for all ports, and remove what is left of ports whose devices (not in `taps`) are gone."""
        _switch_on()
        name = self.table
        await run("nft", "-f", "-", stdin=(
            f"add table bridge {name}\nadd map bridge {name} ports {{ type ifname : verdict; }}\n"
            f"add chain bridge {name} own {{ type filter hook prerouting priority -300; policy accept; }}\n"
            f"flush chain bridge {name} own\nadd rule bridge {name} own iifname vmap @ports\n"
        ))  # fmt: skip
        parts = [f"{self.head}-{part}" for part in ("out", "in", "done")]
        wanted = {
            "raw": [f"-A PREROUTING -j {self.head}"],
            "filter": [f"-A FORWARD -m physdev {BRIDGED} -j {self.head}", *(f"-A {self.head} -j {part}" for part in parts)],
        }
        saved = await self._saved()
        # Those that are there go on as they are: guests may be running.
        new = {name: [c for c in chains if c not in _chain_names(saved.get(name, []))]
               for name, chains in (("raw", [self.head]), ("filter", [self.head, *parts]))}  # fmt: skip
        await self._restore(saved, wanted, new)
        await self._tidy(set(taps))

    async def put_up(self, wiring: PortWiring, zone: int, uplink: str | None) -> None:
        """Put up the rules of a port in place of those that it had."""
        if not wiring.port_security:
            await self.clear(wiring.tap)
            await self._restore(await self._saved(), {"raw": self._zone_lines(zone, [wiring.tap, uplink])}, {})
            return
        await run("nft", "-f", "-", stdin=self._own(wiring))
        out, into = self._chains(wiring.tap)
        saved = await self._saved()
        lines = [
            f"-A {self.head}-out -m physdev --physdev-in {wiring.tap} {BRIDGED} -j {out}",
            f"-A {self.head}-in -m physdev --physdev-out {wiring.tap} {BRIDGED} -j {into}",
            f"-A {self.head}-done -m physdev --physdev-in {wiring.tap} {BRIDGED} -j ACCEPT",
            f"-A {self.head}-done -m physdev --physdev-out {wiring.tap} {BRIDGED} -j ACCEPT",
        ]
        zones = self._zone_lines(zone, [wiring.tap, uplink])
        stale = [line for line in saved.get("raw", []) if f"--physdev-in {wiring.tap} " in line and line not in zones]
        judged = {"filter": [*lines, *_judged(wiring.rules, "egress", out), *_judged(wiring.rules, "ingress", into)]}
        fresh = {"filter": [out, into]}
        await self._restore(saved, judged | {"raw": [*(f"-D {line[3:]}" for line in stale), *zones]}, fresh)

    async def clear(self, tap: str) -> None:
        """Remove the rules of a port; none is no error."""
        saved = await self._saved()
        out, into = self._chains(tap)
        ours = {out, into}
        drop: dict[str, list[str]] = {}
        for name, lines in saved.items():
            gone = [line for line in lines if f" {tap} " in f"{line} " and line.split()[1].startswith(self.head)]
            gone = [f"-D {line[3:]}" for line in gone]
            chains = sorted(ours & _chain_names(lines))
            drop[name] = [*gone, *(f"-F {chain}" for chain in chains), *(f"-X {chain}" for chain in chains)]
        await self._apply(drop)
        name, chain = self.table, _own_chain(tap)
        if chain in await run("nft", "list", "table", "bridge", name):
            text = f"delete element bridge {name} ports {{ {tap} }}\n"
            text += "".join(f"{verb} chain bridge {name} {chain}\n" for verb in ("flush", "delete"))
            await run("nft", "-f", "-", stdin=text)

    async def drop_zone(self, device: str) -> None:
        """Forget the zone of an uplink that goes."""
        lines = (await self._saved()).get("raw", [])
        await self._apply({"raw": [f"-D {line[3:]}" for line in lines if f"--physdev-in {device} " in line and f" {self.head} " in line]})

    # -- its parts -----------------------------------------------------------------------------

    def _chains(self, tap: str) -> tuple[str, str]:
        return f"{self.head}-o{tap[3:]}", f"{self.head}-i{tap[3:]}"

    def _zone_lines(self, zone: int, devices: Iterable[str | None]) -> list[str]:
        return [f"-A {self.head} -m physdev --physdev-in {d} -j CT --zone {zone}" for d in devices if d is not None]

    def _own(self, wiring: PortWiring) -> str:
        """The nft program that holds a port to its own addresses."""
        name, chain, mac = self.table, _own_chain(wiring.tap), wiring.mac_address
        four = [a for a in wiring.addresses if ip_address(a).version == 4]
        rules = [
            f"ether saddr != {mac} drop",
            f"arp saddr ether != {mac} drop",
            f"arp saddr ip != {{ {', '.join([*four, NO_ADDRESS])} }} drop",
            "ether type arp return",
            "ether type != ip drop",
            "udp sport 67 drop",
            f"ip saddr {NO_ADDRESS} udp sport 68 udp dport 67 return",
            f"ip saddr != {{ {', '.join(four)} }} drop" if four else "drop",
        ]
        lines = [f"add chain bridge {name} {chain}", f"flush chain bridge {name} {chain}"]
        lines += [f"add rule bridge {name} {chain} {rule}" for rule in rules]
        lines.append(f"add element bridge {name} ports {{ {wiring.tap} : goto {chain} }}")
        return "\n".join(lines) + "\n"

    async def _saved(self) -> dict[str, list[str]]:
        """The rules that are there, by table, as iptables-save writes them."""
        found: dict[str, list[str]] = {}
        name = ""
        for line in (await run("iptables-save")).splitlines():
            if line.startswith("*"):
                name = line[1:]
                found[name] = []
            elif line.startswith(("-A", ":")):
                found[name].append(line.strip())
        return found

    async def _restore(self, saved: dict[str, list[str]], wanted: dict[str, list[str]], fresh: dict[str, list[str]]) -> None:
        """Add the rules that are not there; chains named in `fresh` are emptied first, or made."""
        text: dict[str, list[str]] = {}
        for name, lines in wanted.items():
            have, new = set(saved.get(name, [])), fresh.get(name, [])
            missing = [line for line in lines if line.split()[1] in new or line not in have]
            text[name] = [*(f":{chain} - [0:0]" for chain in new), *missing]
        await self._apply(text)

    async def _apply(self, text: dict[str, list[str]]) -> None:
        """Change all tables in one go."""
        body = "".join(f"*{name}\n" + "".join(f"{line}\n" for line in lines) + "COMMIT\n" for name, lines in text.items() if lines)
        if body:
            await run("iptables-restore", "--noflush", "--wait", "10", stdin=body)

    async def _tidy(self, taps: set[str]) -> None:
        for name in sorted(_chain_names((await self._saved()).get("filter", []))):
            tap = f"tap{name.removeprefix(f'{self.head}-o')}"
            if name.startswith(f"{self.head}-o") and name != f"{self.head}-out" and tap not in taps:
                await self.clear(tap)

    # -- sweep ---------------------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        """The tables of iptables that have this cloud's chains."""
        try:
            saved = await self._saved()
        except NetworkError:
            return []  # not installed: nothing of it is here
        return [Trace("iptables-chain", f"{name} {self.head}") for name in sorted(saved) if self.head in _chain_names(saved[name])]

    async def take_down(self, trace: Trace) -> None:
        """Remove one of them; gone is no error."""
        if trace not in await self.found():
            return
        name = trace.name.split()[0]
        lines = (await self._saved()).get(name, [])
        chains = sorted(c for c in _chain_names(lines) if c == self.head or c.startswith(f"{self.head}-"))
        jumps = [f"-D {line[3:]}" for line in lines if line.endswith(f"-j {self.head}")]
        await self._apply({name: [*jumps, *(f"-F {c}" for c in chains), *(f"-X {c}" for c in chains)]})


def _switch_on() -> None:
    try:
        SWITCH.write_text("1")
    except OSError:
        raise NetworkError("bridged packets do not pass iptables here; run modprobe br_netfilter") from None


def _own_chain(tap: str) -> str:
    return f"own_{tap.replace('-', '_')}"


def _chain_names(lines: Iterable[str]) -> set[str]:
    return {line[1:].split()[0] for line in lines if line.startswith(":")}


def _judged(rules: Iterable[SecurityRule], direction: str, chain: str) -> list[str]:
    """A chain that lets through answers, DHCP and what the rules say, and drops the rest."""
    ports = (68, 67) if direction == "egress" else (67, 68)
    lines = [
        f"-A {chain} -p udp -m udp --sport {ports[0]} --dport {ports[1]} -j RETURN",
        f"-A {chain} -m conntrack --ctstate INVALID -j DROP",
        f"-A {chain} -m conntrack --ctstate RELATED -j RETURN",
        f"-A {chain} -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN",
    ]
    allowed = (_match(rule) for rule in rules if rule.direction == direction and rule.ethertype == "IPv4" and rule.remote_prefix != NOBODY)
    return [*lines, *(f"-A {chain} {match} -j RETURN".replace("  ", " ") for match in allowed), f"-A {chain} -j DROP"]


def _match(rule: SecurityRule) -> str:
    """A rule as iptables matches it."""
    parts = []
    if rule.remote_prefix is not None:
        parts.append(f"{'-s' if rule.direction == 'ingress' else '-d'} {rule.remote_prefix}")
    protocol = rule.protocol if rule.protocol not in (None, "any") else None
    if protocol is not None:
        parts.append(f"-p {protocol}")
    if rule.port_min is not None and protocol in ("icmp", "1"):
        parts.append(f"-m icmp --icmp-type {rule.port_min}" + (f"/{rule.port_max}" if rule.port_max is not None else ""))
    elif rule.port_min is not None:
        high = rule.port_min if rule.port_max is None else rule.port_max
        parts.append(f"--dport {rule.port_min}:{high}")
    return " ".join(parts)
