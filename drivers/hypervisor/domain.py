"""libvirt's XML: a guest as a domain, its disks and cards, and what of ours is kept in it.

In the domain's metadata stand the cloud, the host and the guest's cards, so that everything a guest has can be found and
made again from libvirt alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree
from lxml.builder import E

from drivers.hypervisor.volumes import volume_source
from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec

NS = "urn:glasscloud:guest:1"
KEY = "glasscloud"
LXC_NS = "http://libvirt.org/schemas/domain/lxc/1.0"
CDROM_BUS = {"pc": "ide", "q35": "sata"}
"""Where a machine type has its CD drive, so that a config drive moves no other disk's name; else by SCSI. Source: nova's blockinfo."""

Element = Any


@dataclass(frozen=True, slots=True)
class Card:
    """A network card as the domain's metadata keep it; `device` is its name inside a container ('eth0')."""

    port: str
    tap: str
    mac: str
    mtu: int
    device: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands in a domain's metadata: whose it is, where, and its cards."""

    cloud: str
    host: str
    cards: tuple[Card, ...] = ()

    def element(self, space: str = f"{{{NS}}}") -> Element:
        """As it stands in a domain; libvirt's call that changes it wants it, and gives it back, in no namespace."""
        node = etree.Element(f"{space}guest", {"cloud": self.cloud, "host": self.host}, nsmap={KEY: NS} if space else None)
        for card in self.cards:
            told = {"port": card.port, "tap": card.tap, "mac": card.mac, "mtu": str(card.mtu), "device": card.device}
            etree.SubElement(node, f"{space}card", told)
        return node

    def xml(self) -> str:
        """As libvirt's call takes it."""
        return text(self.element(""))

    def card(self, port_id: str) -> Card | None:
        """The card of a port."""
        return next((card for card in self.cards if card.port == port_id), None)

    def with_nic(self, nic: GuestNic) -> Mark:
        """With one card more, under the first free name."""
        taken = {card.device for card in self.cards}
        device = next(f"eth{n}" for n in range(len(taken) + 1) if f"eth{n}" not in taken)
        return Mark(self.cloud, self.host, (*self.cards, Card(nic.port_id, nic.tap, nic.mac_address, nic.mtu, device)))

    def without(self, port_id: str) -> Mark:
        """Without the card of that port."""
        return Mark(self.cloud, self.host, tuple(card for card in self.cards if card.port != port_id))


def read_mark(xml: str) -> Mark:
    """Read a domain's metadata, as libvirt gives them."""
    node = etree.fromstring(xml)
    cards = tuple(
        Card(c.get("port", ""), c.get("tap", ""), c.get("mac", ""), int(c.get("mtu", "1500")), c.get("device", ""))
        for c in node.iterfind("card")
    )
    return Mark(node.get("cloud", ""), node.get("host", ""), cards)


@dataclass(frozen=True, slots=True)
class Machine:
    """How guests of this host are built: virt_type 'kvm', 'qemu' or 'lxc', machine type and CPU mode of libvirt, offload of checksums."""

    virt_type: str
    machine: str = "pc"
    cpu_mode: str = ""
    offload: bool = False


def domain(spec: GuestSpec, mark: Mark, machine: Machine, files: Path) -> str:
    """The whole guest; `files` is the directory of its own disks."""
    node = E.domain(
        E.name(spec.name),
        E.uuid(spec.id),
        E.metadata(mark.element()),
        E.memory(str(spec.memory_mib), unit="MiB"),
        E.vcpu(str(spec.vcpus)),
        E.on_poweroff("destroy"),
        E.on_reboot("restart"),
        E.on_crash("destroy"),
        type=machine.virt_type,
    )
    if machine.virt_type == "lxc":
        _container(node, spec, files)
    else:
        _computer(node, spec, mark, machine, files)
    return text(node)


def _container(node: Element, spec: GuestSpec, files: Path) -> None:
    """A container: its root file system is a directory, its cards lie in a network namespace that is made before it."""
    node.append(E.os(E.type("exe"), E.init("/sbin/init")))
    node.append(
        E.devices(
            E.filesystem(E.source(dir=str(files / "root")), E.target(dir="/"), type="mount"),
            E.console(type="pty"),
        )
    )
    share = etree.SubElement(node, f"{{{LXC_NS}}}namespace", nsmap={"lxc": LXC_NS})
    etree.SubElement(share, f"{{{LXC_NS}}}sharenet", type="netns", value=files.name)


def _computer(node: Element, spec: GuestSpec, mark: Mark, machine: Machine, files: Path) -> None:
    """A virtual machine: virtio disks and cards, a serial console in a file, no screen."""
    console = str(files / "console.log")
    # Images know by the product's name that this is OpenStack, and where they find their metadata. Source: cloud-init's ds-identify.
    told = {"manufacturer": "OpenStack Foundation", "product": "OpenStack Nova", "uuid": spec.id, "family": "Virtual Machine"}
    node.append(E.os(E.type("hvm", machine=machine.machine), E.boot(dev="hd"), E.smbios(mode="sysinfo")))
    node.append(E.sysinfo(E.system(*(E.entry(text, name=name) for name, text in told.items())), type="smbios"))
    node.append(E.features(E.acpi(), E.apic()))
    if machine.cpu_mode:
        node.append(E.cpu(mode=machine.cpu_mode))
    devices = E.devices(*(disk(each, files) for each in spec.disks))
    if spec.documents:
        bus = CDROM_BUS.get(machine.machine, "scsi")
        source = E.source(file=str(files / "config.iso"))
        devices.append(
            E.disk(E.driver(name="qemu", type="raw"), source, E.target(dev="hdc" if bus == "ide" else "sdz", bus=bus), E.readonly(),
                   type="file", device="cdrom")
        )  # fmt: skip
    devices.extend(interface(card, machine.offload) for card in mark.cards)
    devices.append(E.serial(E.source(path=console, append="on"), E.target(port="0"), type="file"))
    devices.append(E.console(E.source(path=console, append="on"), E.target(type="serial", port="0"), type="file"))
    devices.append(E.rng(E.backend("/dev/urandom", model="random"), model="virtio"))
    devices.append(E.controller(type="usb", model="none"))
    devices.append(E.memballoon(model="none"))
    node.append(devices)


def interface(card: Card, offload: bool) -> Element:
    """A virtio card on a tap that is there already."""
    node = E.interface(
        E.mac(address=card.mac),
        E.target(dev=card.tap, managed="no"),
        E.model(type="virtio"),
        E.mtu(size=str(card.mtu)),
        E.rom(enabled="no"),
        type="ethernet",
    )
    if not offload:
        off = dict.fromkeys(("csum", "gso", "tso4", "tso6", "ecn", "ufo"), "off")
        guest = {name: state for name, state in off.items() if name != "gso"}
        node.append(E.driver(E.host(**off), E.guest(**guest), name="qemu"))
    return node


def disk(disk: GuestDisk, files: Path) -> Element:
    """A virtio disk: one of the guest's own, or a volume. Raises HypervisorError for a connection of a kind that is not known."""
    name = disk.device.removeprefix("/dev/")
    if disk.volume_id is None:
        source, kind, form = E.source(file=str(files / f"{name}.qcow2")), "file", "qcow2"
    else:
        source, kind, form = volume_source(disk)
    node = E.disk(E.driver(name="qemu", type=form, discard="unmap"), source, E.target(dev=name, bus="virtio"), type=kind, device="disk")
    if disk.volume_id is not None:
        node.append(E.serial(disk.volume_id))
    return node


def find_disk(xml: str, volume_id: str) -> str | None:
    """The XML of a volume's disk in a domain, or None."""
    for node in etree.fromstring(xml).iterfind("devices/disk"):
        if node.findtext("serial") == volume_id:
            return text(node)
    return None


def find_interface(xml: str, tap: str) -> str | None:
    """The XML of the card on a tap in a domain, or None."""
    for node in etree.fromstring(xml).iterfind("devices/interface"):
        target = node.find("target")
        if target is not None and target.get("dev") == tap:
            return text(node)
    return None


def text(element: Element) -> str:
    """An element as libvirt takes it."""
    return str(etree.tostring(element, encoding="unicode"))


def terminal(xml: str) -> str | None:
    """The device on which a running container's console can be read, or None."""
    node = etree.fromstring(xml).find("devices/console")
    return node.get("tty") if node is not None else None
