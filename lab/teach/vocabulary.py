"""The words of a scenario's file: one line for each kind of step, fault and expectation, with its keys.

An error in a file answers with the keys that stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lab.inputs import SLOWEST
from lab.teach.schema import Anything, Flag, Kind, Number, Shape, Table, Text, Whole

NAME = Text()
PROPERTIES = Table(Text())
TEXTS = Shape({"en": NAME, "ko": NAME}, ("en", "ko"))


def shape(*required: str, **keys: Kind) -> Shape:
    """A shape whose `required` keys are texts unless `keys` says otherwise; a trailing _ escapes a word of Python."""
    named = {key.rstrip("_"): kind for key, kind in keys.items()}
    return Shape({**{key: NAME for key in required if key not in named}, **named}, required)


SIZE = Whole(1)
SECONDS = Number()

DATACENTER: Mapping[str, Kind] = MappingProxyType({
    "racks": SIZE,
    "hosts_per_rack": SIZE,
    "vcpus": SIZE,
    "memory_mib": SIZE,
    "disk_gib": SIZE,
    "nas_gib": SIZE,
    "hypervisor_type": NAME,
})
"""The simulated datacenter."""

STEPS: Mapping[str, Shape] = MappingProxyType({
    "image": shape(
        "name", size_mib=Whole(), disk_format=NAME, min_ram_mib=Whole(), min_disk_gib=Whole(), properties=PROPERTIES
    ),
    "flavor": shape("name", vcpus=SIZE, ram_mib=SIZE, disk_gib=Whole(), extra_specs=PROPERTIES),
    "network": shape(
        "name", cidr=NAME, gateway=NAME, type=Text(("flat", "vlan", "vxlan")), segment=SIZE, physical_network=NAME
    ),
    "volume": shape("name", size_gib=SIZE, image=NAME, wait=Flag(), timeout_s=SECONDS),
    "server": shape(
        "name", "flavor", "network", image=NAME, host=NAME, count=SIZE, boot_volume_gib=SIZE, wait=Flag(),
        timeout_s=SECONDS,
    ),
    "attach": shape("server", "volume", timeout_s=SECONDS),
    "detach": shape("server", "volume", timeout_s=SECONDS),
    "stop": shape("server", timeout_s=SECONDS),
    "start": shape("server", timeout_s=SECONDS),
    "reboot": shape("server", timeout_s=SECONDS),
    "delete": shape(server=NAME, volume=NAME, network=NAME, image=NAME, timeout_s=SECONDS),
    "wait": shape(seconds=SECONDS, server=NAME, volume=NAME, status=NAME, timeout_s=SECONDS),
    "ping": shape("from", "to", timeout_s=SECONDS),
})
"""What the workload can do, in the order in which it is written. `wait: false` lets a step go on at once."""

ON = shape(message=NAME, driver=NAME, host=NAME, source=NAME, target=NAME, nth=SIZE)
WHEN: Mapping[str, Kind] = MappingProxyType({"at_s": SECONDS, "until_s": SECONDS, "on": ON})
FAULTS: Mapping[str, Shape] = MappingProxyType({
    "message": shape(
        "message", "do", do=Text(("drop", "delay", "duplicate", "lose_reply")), source=NAME, target=NAME, nth=SIZE,
        times=SIZE, delay_s=SECONDS,
    ),
    "driver": shape("driver", "do", do=Text(("raise", "hang", "lie")), host=NAME, nth=SIZE, times=SIZE),
    "process": shape("process", "do", do=Text(("kill", "hang", "restart")), **WHEN),
    "link": shape("link", "do", do=Text(("cut", "slow")), factor=Number(1.0, SLOWEST), **WHEN),
    "nas": shape("nas", "do", do=Text(("slow", "full")), factor=Number(1.0, SLOWEST), **WHEN),
    "trunk": shape("trunk", "vlan", "do", vlan=SIZE, do=Text(("omit",)), **WHEN),
    "config": shape("config", config=Anything()),
    "step": shape("step", "with", with_=Table(Anything())),
})
"""What can be planted. `config` is a setting made wrong, `step` a request made wrong (the named step `with` others)."""

EXPECTATIONS: Mapping[str, Shape] = MappingProxyType({
    "server": shape(
        "name", status=NAME, task_state=NAME, fault=NAME, host=NAME, within_s=SECONDS, after_s=SECONDS
    ),
    "volume": shape("name", status=NAME, within_s=SECONDS, after_s=SECONDS),
    "ping": shape("from", "to", ok=Flag(), fails_at=NAME),
    "journal": shape(
        kind=NAME, source=NAME, target=NAME, name=NAME, where=NAME, status=NAME, text=NAME, least=Whole()
    ),
    "allocations": shape("server", none=Flag()),
    "refused": shape("step", text=NAME),
})
"""What can be demanded: of the end state, of the journal, and of what the steps met on their way."""
