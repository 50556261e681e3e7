"""Cables: latency, bandwidth, loss and state, one channel for bulk traffic in each direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.datacenter.flow import Channel

if TYPE_CHECKING:
    from sim.datacenter.fabric import Fabric
    from sim.datacenter.frame import Frame
    from sim.datacenter.nic import Nic

GIGABIT = 1_000_000_000
NANOSECOND = 1_000_000_000


class Link:
    """A full-duplex cable between two cards.

    Frames take its latency and the time of their bits. Bulk transfers share its bandwidth (see
    `flow.py`), each direction by itself.
    """

    __slots__ = (
        "_back", "_forth", "a", "b", "bandwidth_bps", "blocked", "fabric", "factor", "latency_ns", "loss", "name",
        "up",
    )  # fmt: skip

    def __init__(self, fabric: Fabric, a: Nic, b: Nic, latency_ns: int, bandwidth_bps: int) -> None:
        self.fabric = fabric
        self.a, self.b = a, b
        self.name = f"{a.device.name}--{b.device.name}"
        self.latency_ns = latency_ns
        self.bandwidth_bps = bandwidth_bps
        self.loss = 0.0
        self.factor = 1.0
        self.up = True
        self.blocked = False
        """Spanning tree keeps this link out of use because another one leads to the same place."""
        self._forth: Channel | None = None
        self._back: Channel | None = None
        a.link = b.link = self

    def other(self, nic: Nic) -> Nic:
        """Return the card at the other end."""
        return self.b if nic is self.a else self.a

    @property
    def works(self) -> bool:
        """Whether frames pass: the cable is whole and both ends have power."""
        return self.up and self.a.device.up and self.b.device.up

    def channel(self, source: Nic) -> Channel:
        """Return the direction that starts at this card, for bulk transfers."""
        if source is self.a:
            if self._forth is None:
                self._forth = Channel(f"{self.name} from {self.a.device.name}", self.rate_bps)
            return self._forth
        if self._back is None:
            self._back = Channel(f"{self.name} from {self.b.device.name}", self.rate_bps)
        return self._back

    def slow(self, factor: float) -> None:
        """Divide the bandwidth by `factor`; 1 is the cable as it was bought."""
        self.factor = factor
        for channel in (self._forth, self._back):
            if channel is not None:
                channel.capacity_bps = self.rate_bps
        self.fabric.changed()

    def set(self, up: bool) -> None:
        """Cut the cable or mend it."""
        if self.up != up:
            self.up = up
            self.fabric.changed()

    @property
    def rate_bps(self) -> int:
        """The bandwidth that it has now."""
        return max(1, round(self.bandwidth_bps / self.factor))

    def send(self, source: Nic, frame: Frame) -> None:
        """Carry a frame to the other end."""
        if not self.up:
            source.device.note(source.name, "drop", frame, f"link {self.name} is down")
            return
        if self.loss > 0 and self.fabric.dice(self.name).random() < self.loss:
            source.device.note(source.name, "drop", frame, f"lost on link {self.name}")
            return
        bits_ns = frame.size * 8 * NANOSECOND // self.rate_bps
        self.fabric.later(self.latency_ns + bits_ns, self._arrive, self.other(source), frame)

    def _arrive(self, nic: Nic, frame: Frame) -> None:
        device = nic.device
        if device.up:
            device.receive(nic, frame)
        else:
            device.note(nic.name, "drop", frame, f"{device.name} has no power")

    def __repr__(self) -> str:
        return f"<Link {self.name} {'up' if self.up else 'down'}>"
