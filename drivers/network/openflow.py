"""OpenFlow 1.4 with the extensions of Open vSwitch: flows as ovs-ofctl writes them, made into messages.

Only what `firewall.py` says is known here. Source of all numbers: the OpenFlow Switch Specification 1.4, and for fields and
actions of Open vSwitch its manual ovs-fields(7) and ovs-actions(7); the tests compare with what ovs-ofctl sends.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from ipaddress import ip_network

from lab.errors import NetworkError

HEAD = struct.Struct("!BBHI")
"""Version, kind, length, number."""
VERSION = 5
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, FLOW_MOD, BUNDLE_CONTROL, BUNDLE_ADD = 0, 1, 2, 3, 14, 33, 34
OPEN, CLOSE, COMMIT, DISCARD = 0, 2, 4, 6
"""What is asked of a bundle; the answer has the next number."""
ATOMIC_ORDERED = 3
KINDS = {0: "hello failed", 1: "bad request", 2: "bad action", 3: "bad instruction", 4: "bad match", 5: "flow refused", 17: "bundle failed"}
"""What an error is about."""

ANY, NO_BUFFER = 0xFFFFFFFF, 0xFFFFFFFF
ALL_TABLES, ADD, DELETE = 0xFF, 0, 3
IN_PORT = 0xFFF8
NICIRA = 0x2320
REG_LOAD, RESUBMIT, OUTPUT_REG, TRACK = 7, 14, 15, 35
OPENFLOW, NXM = 0x8000, 0x0001

IP, IPV6, ARP = 0x0800, 0x86DD, 0x0806
PROTOCOLS = {
    "ip": (IP, None), "ipv6": (IPV6, None), "arp": (ARP, None), "icmp": (IP, 1), "icmp6": (IPV6, 58),
    "tcp": (IP, 6), "udp": (IP, 17), "sctp": (IP, 132), "tcp6": (IPV6, 6), "udp6": (IPV6, 17), "sctp6": (IPV6, 132),
}  # fmt: skip
"""Words that stand for a kind of frame: its type, and the protocol in it."""
PORTS = {6: (13, 14), 17: (15, 16), 132: (17, 18)}
"""The fields of source and destination port by protocol."""
FIELDS = {
    "in_port": (OPENFLOW, 0, 4), "dl_dst": (OPENFLOW, 3, 6), "dl_src": (OPENFLOW, 4, 6), "nw_proto": (OPENFLOW, 10, 1),
    "nw_src": (OPENFLOW, 11, 4), "nw_dst": (OPENFLOW, 12, 4), "arp_spa": (OPENFLOW, 22, 4), "arp_sha": (OPENFLOW, 24, 6),
    "ipv6_src": (OPENFLOW, 26, 16), "ipv6_dst": (OPENFLOW, 27, 16), "nd_target": (OPENFLOW, 31, 16),
    "icmpv6_type": (OPENFLOW, 29, 1), "icmpv6_code": (OPENFLOW, 30, 1), "reg5": (NXM, 5, 4), "reg6": (NXM, 6, 4), "ct_state": (NXM, 105, 4),
}  # fmt: skip
"""Class, number and bytes of a field; what depends on the protocol is not among them."""
EARLY = {11: 8, 12: 9, 26: 8, 27: 9}
"""Addresses stand before the protocol, which has number 10, as ovs-ofctl has them."""
STATES = {"new": 1, "est": 2, "rel": 4, "rpl": 8, "inv": 16, "trk": 32}
REGISTER = {name: 1 << 16 | number << 9 | 4 for name, number in (("REG5", 5), ("REG6", 6))}
"""Registers as actions name them."""
Field = tuple[int, int, bytes, bool]
"""Class, number, value, and whether a mask follows it."""
WORDS = re.compile(r"[^,(]+(?:\([^)]*\))?")
TRACKING = re.compile(r"ct\((?:(commit),)?(?:table=(\d+),)?zone=NXM_NX_REG6\[0\.\.15\]\)")
LOAD = re.compile(r"load:(\d+)->NXM_NX_(REG\d)\[\]")


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """A whole message."""
    return HEAD.pack(VERSION, kind, HEAD.size + len(body), number) + body


def control(bundle: int, what: int, number: int) -> bytes:
    """Ask something of a bundle."""
    return message(BUNDLE_CONTROL, number, struct.pack("!IHH", bundle, what, ATOMIC_ORDERED))


def bundled(bundle: int, line: str, number: int) -> bytes:
    """Put a change of flows, as a line of ovs-ofctl, into a bundle. Raises NetworkError for what is not known here."""
    return message(BUNDLE_ADD, number, struct.pack("!IHH", bundle, 0, ATOMIC_ORDERED) + message(FLOW_MOD, number, _change(line)))


def told(body: bytes) -> str:
    """What an error says."""
    kind, code = struct.unpack_from("!HH", body)
    return f"{KINDS.get(kind, f'error of type {kind}')}, code {code}"


@lru_cache(4096)
def _change(line: str) -> bytes:
    verb, _, rest = line.partition(" ")
    said, _, actions = rest.partition("actions=")
    words = dict(word.partition("=")[::2] for word in said.rstrip(",").split(","))
    cookie, _, whole = words.pop("cookie").partition("/")
    if verb == "delete" and not words and whole == "-1":
        return _mod(int(cookie, 0), 0xFFFFFFFFFFFFFFFF, ALL_TABLES, DELETE, 0x8000) + _matched(b"")
    if verb != "add" or not actions:
        raise NetworkError(f"the flow {line!r} is not understood; it adds or deletes nothing")
    head = _mod(int(cookie, 0), 0, int(words.pop("table")), ADD, int(words.pop("priority")))
    done = b"".join(_action(word) for word in WORDS.findall(actions) if word != "drop")
    instruction = struct.pack("!HH4x", 4, 8 + len(done)) + done if done else b""
    return head + _matched(_match(tuple(words.items()))) + instruction


def _mod(cookie: int, mask: int, table: int, command: int, priority: int) -> bytes:
    return struct.pack("!QQBBHHHIIIHH", cookie, mask, table, command, 0, 0, priority, NO_BUFFER, ANY, ANY, 0, 0)


def _matched(fields: bytes) -> bytes:
    size = 4 + len(fields)
    return struct.pack("!HH", 1, size) + fields + bytes(-size % 8)


@lru_cache(4096)
def _match(words: tuple[tuple[str, str], ...]) -> bytes:
    """The fields of a match; those on which others depend come first."""
    frame, protocol = next((PROTOCOLS[name] for name, value in words if name in PROTOCOLS and not value), (None, None))
    found: list[Field] = []
    if frame is not None:
        found.append((OPENFLOW, 5, struct.pack("!H", frame), False))
    if protocol is not None:
        found.append((OPENFLOW, 10, struct.pack("!B", protocol), False))
    for name, value in words:
        if name not in PROTOCOLS or value:
            found += _field(name, value, protocol)
    return b"".join(_oxm(*each) for each in sorted(found, key=lambda each: (each[0] == NXM, EARLY.get(each[1], each[1]))))


def _oxm(kind: int, number: int, data: bytes, masked: bool) -> bytes:
    return struct.pack("!HBB", kind, number << 1 | masked, len(data)) + data


def _field(name: str, value: str, protocol: int | None) -> list[Field]:
    kind, number, size = _place(name, protocol)
    data, mask = _value(name, value, size)
    if not any(mask):
        return []  # it says nothing
    if mask == b"\xff" * size:
        return [(kind, number, data, False)]
    return [(kind, number, data + mask, True)]


def _place(name: str, protocol: int | None) -> tuple[int, int, int]:
    if name in ("tp_src", "tp_dst") and protocol in PORTS:
        return OPENFLOW, PORTS[protocol][name == "tp_dst"], 2
    if name in ("icmp_type", "icmp_code"):
        number = 29 if protocol == 58 else 19
        return OPENFLOW, number + (name == "icmp_code"), 1
    if name not in FIELDS:
        raise NetworkError(f"{name} is no field that flows are matched by here")
    return FIELDS[name]


def _value(name: str, text: str, size: int) -> tuple[bytes, bytes]:
    """A value and its mask: numbers, hardware addresses, addresses with a prefix, and states such as +trk-new."""
    if name == "ct_state":
        flags = [(sign == "+", STATES[word]) for sign, word in re.findall(r"([+-])([a-z]+)", text)]
        return struct.pack("!I", sum(bit for on, bit in flags if on)), struct.pack("!I", sum(bit for _, bit in flags))
    value, _, mask = text.partition("/")
    if name.startswith(("nw_s", "nw_d", "arp_spa", "ipv6", "nd")):
        net = ip_network(text, strict=False)
        return net.network_address.packed, net.netmask.packed
    return _bytes(value, size), _bytes(mask, size) if mask else b"\xff" * size


def _bytes(text: str, size: int) -> bytes:
    return bytes.fromhex(text.replace(":", "")) if ":" in text else int(text, 0).to_bytes(size, "big")


@lru_cache(1024)
def _action(word: str) -> bytes:
    if word == "output:NXM_NX_REG5[]":
        return _own(OUTPUT_REG, struct.pack("!HIH6x", 31, REGISTER["REG5"], 0xFFFF))
    if word.startswith("output:"):
        return struct.pack("!HHIH6x", 0, 16, int(word.removeprefix("output:")), 0)
    if word.startswith("resubmit(,"):
        return _own(RESUBMIT, struct.pack("!HB3x", IN_PORT, int(word[10:-1])))
    if (load := LOAD.fullmatch(word)) is not None:
        return _own(REG_LOAD, struct.pack("!HIQ", 31, REGISTER[load[2]], int(load[1])))
    if (track := TRACKING.fullmatch(word)) is not None:
        table = int(track[2]) if track[2] else 0xFF
        return _own(TRACK, struct.pack("!HIHB3xH", bool(track[1]), REGISTER["REG6"], 15, table, 0))
    raise NetworkError(f"{word} is no action that flows have here")


def _own(kind: int, body: bytes) -> bytes:
    """An action of Open vSwitch's own."""
    return struct.pack("!HHIH", 0xFFFF, 10 + len(body), NICIRA, kind) + body
