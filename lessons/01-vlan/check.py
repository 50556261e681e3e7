"""What lesson 01 looks for: the table of switches, then the networks and the VLANs that neutron gave them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.teach.lesson_checks import Missing, missing
from lab.teach.lesson_seen import Seen

RANGE = "10.0.0.0/24"
GATEWAY = "10.0.2.254/24"


def _pinged(seen: Seen, source: str, target: str) -> Iterator[Missing]:
    """A ping since the last change, in either direction, that was answered."""
    walks = seen.table.walks
    walk = walks.get((source, target)) or walks.get((target, source))
    if walk is None or not walk.ok:
        yield missing("not-pinged", source=source, target=target)


def joined(seen: Seen) -> Iterator[Missing]:
    """a and b are in VLAN 100, and one has reached the other."""
    vlans = seen.table.vlans
    if vlans.get("a") != 100:
        yield missing("moved-a", vlan=vlans.get("a", "-"))
    elif vlans.get("b") != 100:
        yield missing("apart", vlan=vlans.get("b", "-"))
    else:
        yield from _pinged(seen, "a", "b")


def trunked(seen: Seen) -> Iterator[Missing]:
    """Both ends of the trunk carry 100 and 200."""
    near, far = seen.table.trunks.get(("s1", "s2"), ()), seen.table.trunks.get(("s2", "s1"), ())
    if (seen.table.vlans.get("b"), seen.table.vlans.get("e")) != (200, 200):
        yield missing("moved")
    if 200 not in near:
        yield missing("not-near")
    if 200 not in far:
        yield missing("not-far")
    for end, vlans in (("s1", near), ("s2", far)):
        if 100 not in vlans:
            yield missing("lost", end=end)
    if 200 in near and 200 in far:
        yield from _pinged(seen, "b", "e")


def routed(seen: Seen) -> Iterator[Missing]:
    """The router is b's gateway in VLAN 200."""
    given = seen.table.interfaces.get(("r1", 200))
    if (seen.table.vlans.get("a"), seen.table.vlans.get("b")) != (100, 200):
        yield missing("moved")
    elif given is None:
        yield missing("no-interface")
    elif given != GATEWAY:
        yield missing("not-gateway", given=given)
    else:
        yield from _pinged(seen, "a", "b")


def two_networks(seen: Seen) -> Iterator[Missing]:
    """Two VLAN networks with the same range of addresses."""
    for name in ("blue", "red"):
        network = seen.network(name)
        if network is None:
            yield missing("no-network", name=name)
            continue
        if network["provider:network_type"] != "vlan":
            yield missing("not-vlan", name=name, type=network["provider:network_type"])
        ranges = [subnet["cidr"] for subnet in seen.subnets_of(network)]
        if not ranges:
            yield missing("no-subnet", name=name)
        elif RANGE not in ranges:
            yield missing("other-range", name=name, range=ranges[0])


def _segment(seen: Seen, name: str) -> str:
    network = seen.network(name)
    return str(network["provider:segmentation_id"]) if network is not None else ""


def vlan_of_blue(seen: Seen) -> str:
    """The VLAN of the network blue."""
    return _segment(seen, "blue")


def wrong_vlan(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another answer was."""
    if answer == _segment(seen, "red"):
        yield missing("of-red")
    elif not answer.isdecimal():
        yield missing("no-number", given=answer)
    else:
        yield missing("other", given=answer)


def where_lost(seen: Seen) -> str:
    """The switch whose trunk lacks the VLAN."""
    return "leaf-2"


def not_there(seen: Seen, answer: str) -> Iterator[Missing]:
    """What the frame did at another device."""
    given = answer.casefold()
    if given.startswith(("web", "compute-1", "leaf-1", "spine")):
        yield missing("too-early", given=answer)
    elif given.startswith(("db", "compute-3", "stranger")):
        yield missing("too-late", given=answer)
    else:
        yield missing("no-device", given=answer)
