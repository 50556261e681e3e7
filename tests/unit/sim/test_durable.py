"""What lies on disks survives a power cycle of everything, through plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lab.services.compute.driver import GuestDisk
from lab.services.object.driver import StoredObject
from lab.services.volume.driver import Connector
from sim.image import SimImageStore
from sim.network import SimL2
from sim.object import SimDisk
from sim.volume import SimNas
from tests.content import unread

Site = Any


def furnish(site: Site) -> None:
    """Put something of every kind into the datacenter."""
    net = site.net("blue")
    site.run(site.hypervisor().cache_image("image-1", 1000, "00", unread))
    site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-3", 12)
    site.guest("gone", net, "compute-3", 13)
    site.run(site.hypervisor("compute-3").destroy("id-gone"))
    site.run(SimL2(site.dc, "compute-3").unwire("port-gone"))
    nas = SimNas(site.dc, "nas-1")
    site.run(nas.create("v1", 5))
    site.run(nas.write_image("v1", "image-1", 1000, "00", unread))
    site.run(nas.snapshot("v1", "s1"))
    connection = site.run(nas.connect("v1", Connector("compute-1", site.dc.host("compute-1").address)))
    disk = GuestDisk("/dev/vdb", 5, volume_id="v1", connection=connection)
    site.run(site.hypervisor().attach_disk("id-a", disk))
    store = SimImageStore(site.dc)
    site.run(store.put_sparse("image-1", 1000, "seed"))
    site.run(SimDisk(site.dc, "storage-2", "d1").put(3, StoredObject("AUTH_x/c/o/with/slashes", 1, b"\x00\xff", (("k", "v"),))))


def test_a_power_cycle_keeps_the_disks(new_site: Callable[..., Site]) -> None:
    before = new_site()
    furnish(before)
    written = json.loads(json.dumps(before.dc.snapshot()))

    after = new_site()
    after.dc.restore(written)
    assert after.dc.snapshot() == before.dc.snapshot()
    hypervisor = after.hypervisor()
    assert [(g.id, g.power) for g in after.run(hypervisor.guests())] == [("id-a", 4)]
    assert after.run(SimL2(after.dc, "compute-1").devices()) == [], "no guest runs, so there is no tap"
    assert after.run(SimL2(after.dc, "compute-1").wired()) == ["port-a"]
    for name in ("compute-1", "compute-3"):
        assert after.dc.hypervisor(name).disk.used == before.dc.hypervisor(name).disk.used
    for switch in ("leaf-1", "leaf-2", "spine-1"):
        for name, port in after.dc.switch(switch).ports.items():
            # The controller's DHCP server is started anew by its agent.
            if name != "leaf-0":
                assert port.allowed == before.dc.switch(switch).ports[name].allowed
    assert after.dc.nas("nas-1").written == before.dc.nas("nas-1").written

    after.run(hypervisor.power_on("id-a"))
    after.run(after.hypervisor("compute-3").power_on("id-b"))
    net = after.net("blue")
    net.reservations.extend(before_reservations(before))
    after.serve(net)
    after.sleep(60)
    assert after.ping("port-a", "10.0.0.12").ok


def before_reservations(site: Site) -> list[Any]:
    return list(site.dc.dhcp["blue"]["controller-1"].network.hosts)


def test_each_write_is_told_and_adds_up_to_the_snapshot(new_site: Callable[..., Site]) -> None:
    site = new_site()
    kept: dict[str, Any] = {}

    def write(key: str, value: dict[str, Any] | None) -> None:
        if value is None:
            del kept[key]
        else:
            kept[key] = json.loads(json.dumps(value))

    site.dc.on_write = write
    furnish(site)
    snapshot = json.loads(json.dumps(site.dc.snapshot()))
    # The DHCP server's own port is no guest's: its agent makes it again.
    snapshot = {key: value for key, value in snapshot.items() if "dhcp-" not in key}
    assert kept == snapshot
