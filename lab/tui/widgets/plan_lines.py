"""Draws the rows of a datacenter's plan. A VLAN has a colour and always its number; what is down has a sign and a word."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style

from lab.tui.theme import Palette
from lab.watch.chart import bar, fit
from lab.watch.plan import Plan, Row, Thing

Line = list[Segment]
NAME = 16
BAR = 8


class PlanPen:
    """Draws for one plan. `say` words things, `reason` what the datacenter says of a frame."""

    def __init__(self, plan: Plan, inks: Palette, names: dict[str, str], say: Callable[..., str], reason: Callable[[str], str]) -> None:
        self.plan, self.inks, self.names, self.say, self.reason = plan, inks, names, say, reason
        self._colours = (inks.rest, inks.mq, inks.driver, inks.wire, inks.state)

    def line(self, row: Row, width: int) -> Line:
        """One row."""
        draw: Callable[[str, int], Line] = getattr(self, f"_{row.kind}")
        return draw(row.name, width)

    def vlan(self, number: int | None, kind: str | None = "vlan") -> Line:
        """A VLAN or VXLAN as a coloured block and its number."""
        if number is None:
            return [Segment("–", self.inks.muted)]
        ink = self._colours[number % len(self._colours)]
        return [Segment("▐", ink), Segment(f"{(kind or 'vlan').upper()} {number}", Style(reverse=True) + ink), Segment("▌", ink)]

    def _power(self, up: bool | None) -> Segment:
        if up is None:
            return Segment("? ", self.inks.muted)
        return Segment("● ", self.inks.good) if up else Segment("✗ ", self.inks.bad)

    def _rack(self, name: str, width: int) -> Line:
        return [Segment(f"── {name} " + "─" * max(0, width - len(name) - 4), self.inks.head)]

    def _switch(self, name: str, width: int) -> Line:
        inks, switch = self.inks, self.plan.switches[name]
        ports = switch["ports"]
        line = [Segment("  ═ " if switch["kind"] == "leaf" else "═ ", inks.mq), self._power(switch["up"])]
        line += [Segment(fit(name, NAME), inks.strong), Segment(fit(self.say(switch["kind"]), 15), inks.muted)]
        line.append(Segment(self.say("ports", n=len(ports)) + "  ", inks.muted))
        down = [port["name"] for port in ports if port["up"] is False]
        if down:
            line.append(Segment("✗ " + ", ".join(down) + "  ", inks.bad))
        for number in sorted({vlan for port in ports for vlan in port["vlans"] or ()}):
            line += [*self.vlan(number), Segment(" ")]
        return line

    def _port(self, name: str, width: int) -> Line:
        port = self.plan.port(name) or {"name": name, "up": None, "peer": "", "mode": "", "vlans": None}
        line = [Segment("      ├ ", self.inks.faint), self._power(port["up"])]
        line += [Segment(fit(port["name"], NAME), self.inks.plain), Segment(fit(port["mode"], 8), self.inks.muted)]
        vlans = port["vlans"]
        if vlans is None:
            return [*line, Segment("VLAN ?", self.inks.muted)]
        omitted = port.get("omitted") or ()
        for number in vlans:
            line += [*self.vlan(number), Segment(" ")]
        if 0 in omitted or set(omitted) & set(vlans):
            line.append(Segment("✗ " + self.say("no_vlan") + " " + ", ".join(map(str, omitted if 0 not in omitted else ())), self.inks.bad))
        elif not vlans:
            line.append(Segment(self.say("no_vlan"), self.inks.muted))
        return line

    def _host(self, name: str, width: int) -> Line:
        inks, host = self.inks, self.plan.hosts[name]
        line = [Segment("  ▪ ", inks.plain), self._power(host["up"]), Segment(fit(name, NAME), inks.strong)]
        if host["vcpus"]:
            line += self._load("vCPU", host["vcpus_used"], host["vcpus"], f"{host['vcpus_used']}/{host['vcpus']}", 8)
            gib = f"{host['ram_used_mb'] / 1024:.3g}/{host['ram_mb'] / 1024:.4g}G"
            line += self._load("RAM", host["ram_used_mb"], host["ram_mb"], gib, 11)
        else:
            line.append(Segment(fit(host["kind"], 12), inks.muted))
        dead = [process["name"].partition("@")[0] for process in self.plan.processes.get(name, ()) if process["state"] != "up"]
        if dead:
            line.append(Segment("✗ " + self.say("dead", names=", ".join(dead)), inks.bad))
        elif width > 100:
            names = dict.fromkeys(process["name"].partition("@")[0] for process in self.plan.processes.get(name, ()))
            line.append(Segment(fit(" ".join(names), max(1, width - sum(part.cell_length for part in line))), inks.muted))
        return line

    def _load(self, title: str, used: float, total: float, words: str, cells: int) -> Line:
        ink = self.inks.bad if total and used / total >= 0.9 else self.inks.good
        return [Segment(title + " ", self.inks.muted), Segment(bar(used, total, BAR), ink), Segment(" " + fit(words, cells))]

    def _server(self, key: str, width: int) -> Line:
        inks, (server, _) = self.inks, self.plan.servers[key]
        ink = {"RUNNING": inks.good, "PAUSED": inks.state}.get(server["power"], inks.bad)
        line = [Segment("      ■ ", ink), Segment(fit(server["name"], NAME - 2) + " ", inks.plain), Segment(fit(server["power"], 9), ink)]
        for port in server["ports"]:
            line += [Segment(" " + fit(port["address"] or "–", 13), inks.plain), *self.vlan(port["segment"], port["type"])]
            network = self.plan.networks.get(port["network"])
            if network:
                line.append(Segment(f" {network['name']}", inks.muted))
        return line

    def _filer(self, name: str, width: int) -> Line:
        inks, filer = self.inks, self.plan.filers[name]
        line = [Segment("  ▤ ", inks.driver), self._power(filer["up"]), Segment(fit(name, NAME), inks.strong), Segment("NAS  ", inks.muted)]
        used, size = filer["used_gb"], filer["size_gb"]
        promised = sum(volume["size_gb"] for volume in filer["volumes"])
        line.append(Segment(bar(used or 0, size, BAR) if used is not None else "?" * BAR, inks.good))
        line.append(Segment(" " + self.say("used", used="?" if used is None else f"{used:g}", all=f"{size:g}")))
        line.append(Segment(f"  Σ {promised:g} GiB", inks.muted))
        if filer["slow"] and filer["slow"] != 1:
            line.append(Segment("  ✗ " + self.say("slow", x=filer["slow"]), inks.bad))
        if filer["full"]:
            line.append(Segment("  ✗ " + self.say("full"), inks.bad))
        return line

    def _volume(self, key: str, width: int) -> Line:
        volume = self.volume(key)
        name = self.names.get(key, key[:8])
        line = [Segment("      ◫ ", self.inks.driver), Segment(self.say("volume", name=name, size=f"{volume['size_gb']:g}"))]
        if volume["hosts"]:
            line.append(Segment("  " + self.say("mounted", hosts=", ".join(volume["hosts"])), self.inks.muted))
        return line

    def volume(self, key: str) -> Thing:
        """A volume by its id."""
        return next(volume for filer in self.plan.filers.values() for volume in filer["volumes"] if volume["id"] == key)
