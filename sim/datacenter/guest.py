"""Guests: what runs on a hypervisor host, with a small operating system that boots, asks for its address and answers.

`power` is nova's number for a guest's state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from lab.values import value
from sim.datacenter.bridge import TAP_NS, Tap
from sim.datacenter.frame import Dhcp, Frame
from sim.datacenter.nic import Device
from sim.datacenter.stack import IpStack
from sim.datacenter.trace import Trace

if TYPE_CHECKING:
    from sim.datacenter.host import HypervisorHost

# Source: nova/compute/power_state.py.
NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED = 0, 1, 3, 4, 6, 7
ON = (RUNNING, PAUSED)

RETRY_NS = (3_000_000_000, 10_000_000_000, 30_000_000_000)
"""Pauses before a client asks for an address again; then it gives up. A guess after busybox's udhcpc."""
BOOTS_KEPT = 3
SSH = 22


@value
class Lease:
    """An address that a DHCP server gave out."""

    address: str
    prefix: int
    gateway: str | None
    server: str
    lease_s: int


class Home(Protocol):
    """What a guest needs of its datacenter."""

    def draw(self, name: str, place: str) -> int:
        """Draw a duration in nanoseconds."""

    def lease(self, vif: Vif) -> Lease | str:
        """Ask the DHCP servers of the card's network; the answer is a lease, or why there is none."""

    @property
    def dhcp_frames(self) -> bool:
        """Whether DHCP is walked frame by frame instead of computed from the ways."""


class Vif:
    """One network card of a guest."""

    __slots__ = ("_stack", "guest", "lease", "nic", "tap", "xid")

    def __init__(self, guest: Guest, nic: GuestNic) -> None:
        self.guest = guest
        self.nic = nic
        self.tap: Tap | None = None
        self.lease: Lease | None = None
        self.xid = 0
        self._stack: IpStack | None = None

    @property
    def stack(self) -> IpStack:
        """Its IP stack, made when the first frame needs it."""
        if self._stack is None:
            self._stack = IpStack(self.guest, self.nic.tap, self.nic.mac_address, self.send)
            self._stack.dhcp = self._on_dhcp
            if self.lease is not None:
                self._stack.configure(self.lease.address, self.lease.prefix, self.lease.gateway)
        self._stack.listening = frozenset((SSH,)) if self.guest.booted else frozenset()
        return self._stack

    def answers_to(self, address: str) -> bool:
        """Say whether the address is meant for this card or held by it."""
        return address in self.nic.addresses or (self.lease is not None and self.lease.address == address)

    def take(self, lease: Lease | None) -> None:
        """Use the lease from now on; None forgets the address."""
        self.lease = lease
        if lease is None:
            self._stack = None
        elif self._stack is not None:
            self._stack.configure(lease.address, lease.prefix, lease.gateway)

    def send(self, frame: Frame) -> None:
        """Put a frame on the wire."""
        if self.tap is not None:
            self.guest.fabric.later(TAP_NS, self.guest.host.bridge.from_tap, self.tap, frame)

    def receive(self, frame: Frame) -> None:
        """Take a frame from the wire; while the guest is paused, or its kernel still boots, nobody is there to answer."""
        guest = self.guest
        if guest.network_up:
            self.stack.receive(frame)
        else:
            said = f"{guest.name} is paused" if guest.power_state == PAUSED else f"{guest.name} is still booting"
            guest.note(self.nic.tap, "drop", frame, said)

    def discover(self) -> None:
        """Shout for a DHCP server, in frames."""
        self.xid += 1
        self.stack.say_dhcp(Dhcp("discover", self.xid, self.nic.mac_address), True, None)

    def _on_dhcp(self, message: Dhcp, trace: Trace | None) -> None:
        if message.client_mac != self.nic.mac_address or message.xid != self.xid:
            return
        if message.op == "offer" and self.lease is None:
            request = Dhcp("request", self.xid, self.nic.mac_address, message.address, server=message.server)
            self.stack.say_dhcp(request, True, trace)
        elif message.op == "ack":
            lease = Lease(message.address, message.prefix, message.gateway, message.server, message.lease_s)
            self.guest.leased(self, lease)


@dataclass(slots=True)
class Boot:
    """One time that the guest was on: instants in nanoseconds, and what DHCP said."""

    on_ns: int
    network_ns: int
    login_ns: int
    off_ns: int | None = None
    end: str = ""
    dhcp: list[tuple[int, str]] = field(default_factory=list)


class Guest(Device):
    """One guest. Its disks and cards outlive its power."""

    __slots__ = ("boots", "disk_bytes", "disks", "home", "host", "hung", "power_state", "spec", "vifs")

    def __init__(self, host: HypervisorHost, spec: GuestSpec, home: Home) -> None:
        super().__init__(host.fabric, spec.hostname or spec.name)
        self.host = host
        self.spec = spec
        self.home = home
        self.power_state = NOSTATE
        self.disk_bytes = 0
        self.disks: dict[str, GuestDisk] = {d.volume_id or d.device: d for d in spec.disks}
        self.vifs: dict[str, Vif] = {}
        self.boots: list[Boot] = []
        self.hung = False
        """A fault: the system inside does not answer ACPI's power button."""

    @property
    def running(self) -> bool:
        """Whether it is on, and not paused."""
        return self.power_state == RUNNING

    @property
    def network_up(self) -> bool:
        """Whether its kernel has come as far as the network."""
        return self.running and self.fabric.now() >= self.boots[-1].network_ns

    @property
    def booted(self) -> bool:
        """Whether it shows its login prompt."""
        return self.running and self.fabric.now() >= self.boots[-1].login_ns

    def add_nic(self, nic: GuestNic) -> Vif:
        """Add a card and its tap; one that is there already is kept."""
        vif = self.vifs.get(nic.port_id)
        if vif is None:
            vif = self.vifs[nic.port_id] = Vif(self, nic)
        if vif.tap is None:
            vif.tap = self.host.plug(Tap(nic.port_id, nic.tap, nic.mac_address, self.name))
            vif.tap.deliver = vif.receive if self.power_state in ON else None
            if self.running:
                self.fabric.later(RETRY_NS[0], self._ask, vif, self.boots[-1], 0)
        return vif

    def remove_nic(self, port_id: str) -> None:
        """Remove a card and its tap; none is no error."""
        vif = self.vifs.pop(port_id, None)
        if vif is not None:
            self.host.unplug(port_id)
            vif.tap = None

    def power_up(self) -> None:
        """Start booting; running is no error."""
        if self.running:
            return
        now = self.fabric.now()
        network_ns = now + self.home.draw("guest.network", self.host.name)
        login_ns = max(network_ns, now + self.home.draw("guest.login", self.host.name))
        boot = Boot(now, network_ns, login_ns)
        self.boots = [*self.boots[1 - BOOTS_KEPT :], boot]
        self.power_state = RUNNING
        for vif in self.vifs.values():
            vif.take(None)
            if vif.tap is not None:
                vif.tap.deliver = vif.receive
        if self.vifs:
            self.fabric.later(network_ns - now, self._ask_all, boot)

    def power_down(self, state: int = SHUTDOWN, end: str = "") -> None:
        """Go off, into that power state; off is no error."""
        if self.power_state in ON:
            self.boots[-1].off_ns, self.boots[-1].end = self.fabric.now(), end
        self.power_state = state
        for vif in self.vifs.values():
            vif.take(None)
            if vif.tap is not None:
                vif.tap.deliver = None

    def hold(self, still: bool) -> None:
        """Stand still, or go on; what it is sent meanwhile is lost. Only for a guest that is on."""
        self.power_state = PAUSED if still else RUNNING
        for vif in self.vifs.values():
            if not still and vif.lease is None and self.network_up:
                self._ask(vif, self.boots[-1], 0)

    # -- DHCP ---------------------------------------------------------------------------------

    def _ask_all(self, boot: Boot) -> None:
        for vif in list(self.vifs.values()):
            self._ask(vif, boot, 0)

    def _ask(self, vif: Vif, boot: Boot, attempt: int) -> None:
        """Ask for an address, and again after a while when there is none; a reboot ends the old questions."""
        if not self.running or self.boots[-1] is not boot or vif.tap is None or vif.lease is not None:
            return
        if self.home.dhcp_frames:
            boot.dhcp.append((self.fabric.now(), "broadcasting discover"))
            vif.discover()
        else:
            answer = self.home.lease(vif)
            if isinstance(answer, Lease):
                self.leased(vif, answer)
                return
            boot.dhcp.append((self.fabric.now(), f"no lease on {vif.nic.mac_address}: nobody answered"))
        if attempt < len(RETRY_NS):
            self.fabric.later(RETRY_NS[attempt], self._ask, vif, boot, attempt + 1)

    def leased(self, vif: Vif, lease: Lease) -> None:
        """Take an address that a server gave."""
        vif.take(lease)
        said = f"lease of {lease.address} obtained from {lease.server}, lease time {lease.lease_s}"
        self.boots[-1].dhcp.append((self.fabric.now(), said))
