"""The way of one question through the network, hop by hop, for the student to read."""

from __future__ import annotations

from collections.abc import Callable

from lab.values import value

UNANSWERED = "nobody answered ARP for "


@value
class Hop:
    """One thing that happened to a frame at one device.

    `action` is send, tag, flood, forward, deliver, encapsulate, decapsulate, route, answer or drop;
    `reason` says why a frame was dropped. `t_ns` is virtual time.
    """

    t_ns: int
    device: str
    port: str
    action: str
    vlan: int | None
    frame: str
    reason: str = ""

    def __str__(self) -> str:
        where = f"{self.device}:{self.port}" if self.port else self.device
        why = f": {self.reason}" if self.reason else ""
        return f"{where} {self.action} [{self.frame}]{why}"


class Trace:
    """Collects the hops of one question and its answer.

    A broadcast goes to every corner of its VLAN. `focus`, the devices on the way between the two ends,
    keeps the record readable: what happens elsewhere is not written down. None records everything.
    """

    __slots__ = ("end", "focus", "hops", "on_hop")

    def __init__(self, focus: frozenset[str] | None = None, end: str | None = None, on_hop: Callable[[Hop], None] | None = None) -> None:
        self.focus = focus
        self.end = end
        """The host that the question is meant to reach, when it is known."""
        self.on_hop = on_hop
        self.hops: list[Hop] = []

    def sees(self, device: str) -> bool:
        """Say whether hops at this device are recorded."""
        return self.focus is None or device in self.focus

    def add(self, hop: Hop) -> None:
        """Record a hop."""
        if self.focus is None or hop.device in self.focus:
            self.hops.append(hop)
            if self.on_hop is not None:
                self.on_hop(hop)

    def lost(self) -> Hop | None:
        """Find where the question, or its answer, was lost.

        A broadcast that is not let out at some port is no loss by itself: it counts when nobody answered.
        """
        drops = [hop for hop in self.hops if hop.action == "drop"]
        for silence in drops:
            if silence.reason.startswith(UNANSWERED):
                asked = silence.reason.removeprefix(UNANSWERED)
                about = (f"who has {asked},", f"ARP {asked} is at")
                lost = (hop for hop in drops if any(words in hop.frame for words in about))
                return next(lost, silence)
        return next((hop for hop in drops if "ARP who has" not in hop.frame), None)

    def failed(self, target: str, said: str = "") -> PingResult:
        """Sum up a question without the wished answer; `said` is what somebody answered instead."""
        lost = self.lost()
        silence = lost.reason if lost is not None else f"no answer from {target}"
        return PingResult(False, None, tuple(self.hops), said or silence, lost)


@value
class PingResult:
    """What came of a ping; `rtt_ns` is None without an answer, and `reason` then says where it ended and why."""

    ok: bool
    rtt_ns: int | None
    hops: tuple[Hop, ...] = ()
    reason: str = ""
    lost: Hop | None = None
    """Where the frame was dropped, when it was."""

    @property
    def walk(self) -> str:
        """The hops as text, one a line."""
        return "\n".join(str(hop) for hop in self.hops)
