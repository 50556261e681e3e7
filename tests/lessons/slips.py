"""What students typically get wrong in each lesson, and what they must be told."""

from __future__ import annotations

from typing import Any

from lab.teach.lesson_guide import Guide
from tests.lessons.classroom import Slips


async def network(guide: Guide, name: str, cidr: str = "", **more: Any) -> None:
    made = await guide.cloud.network.networks.create(name, **more)
    if cidr:
        await guide.cloud.network.subnets.create(made.id, cidr)


async def gone(guide: Guide, name: str) -> None:
    await (await guide.cloud.network.networks.find(name)).delete()


async def only_blue(guide: Guide) -> None:
    await network(guide, "blue")


async def wrong_range(guide: Guide) -> None:
    await gone(guide, "blue")
    await network(guide, "blue", "10.0.9.0/24")


async def wrong_type(guide: Guide) -> None:
    await gone(guide, "blue")
    await network(guide, "blue", "10.0.0.0/24", network_type="vxlan")


async def nothing(guide: Guide) -> None:
    await gone(guide, "blue")


async def server(guide: Guide, name: str, host: str = "") -> None:
    await guide.hands.adopt()
    options: dict[str, Any] = {"host": host} if host else {}
    await guide.hands.server(name, "m1.tiny", "blue", image="cirros", wait=False, **options)


async def remove(guide: Guide, name: str) -> None:
    await guide.hands.adopt()
    await guide.hands.delete(server=name)


async def building(guide: Guide) -> None:
    await server(guide, "web")


async def no_more_web(guide: Guide) -> None:
    await remove(guide, "web")


async def cache_building(guide: Guide) -> None:
    await server(guide, "cache")


async def cache_gone(guide: Guide) -> None:
    await remove(guide, "cache")


async def only_restarted(guide: Guide) -> None:
    await guide.typed("restart nova-compute@compute-1")


async def killed_again(guide: Guide) -> None:
    await guide.typed("kill nova-compute@compute-1")



async def late_elsewhere(guide: Guide) -> None:
    await server(guide, "late", "compute-2")
    await guide.cloud.sleep(30)


async def late_gone(guide: Guide) -> None:
    await remove(guide, "late")


async def late_at_once(guide: Guide) -> None:
    await server(guide, "late", "compute-1")


VLAN = Slips(
    answers={
        "segment": {"{vlan_of_red}": "of-red", "VLAN": "no-number", "1{right}": "other"},
        "where": {"leaf-1": "too-early", "compute-3": "too-late", "leaf-9": "no-device"},
    },
    lines={
        "join": [
            (["vlan a 200", "ping a b"], ["moved-a"]), (["vlan a 100", "vlan b 300"], ["apart"]), (["vlan b 100"], ["not-pinged"]),
            (["ping a b", "vlan c 200"], ["not-pinged"]),
        ],
        "trunk": [
            (["trunk s1 s2 100 200", "ping b e"], ["not-far"]), (["trunk s1 s2 100", "trunk s2 s1 100 200"], ["not-near"]),
            (["trunk s1 s2 200", "ping b e"], ["lost"]), (["vlan b 100"], ["moved", "lost", "not-pinged"]),
            (["vlan b 200"], ["lost", "not-pinged"]),
        ],
        "route": [
            (["interface r1 200 10.0.2.1/24", "ping a b"], ["not-gateway"]), (["vlan b 100"], ["moved"]),
            (["vlan b 200", "interface r1 200 10.0.2.254/24"], ["not-pinged"]),
        ],
    },
    deeds={
        "vpc": [
            (only_blue, ["no-subnet", "no-network"]), (wrong_range, ["other-range", "no-network"]),
            (wrong_type, ["not-vlan", "no-network"]),
            (nothing, ["no-network", "no-network"]),
        ],
    },
)
SERVER = Slips(
    answers={
        "request-id": {"{uuid}": "uuid", "{part}": "partial", "{other_request}": "other-request", "{right}x": "no-id", "req-": "partial"},
        "status": {"200": "poll", "201": "port", "OK": "no-status"},
        "method": {
            "schedule_and_build_instances": "to-conductor", "select_destinations": "to-scheduler", "spawn": "no-message",
        },
        "chosen": {"{other_host}": "other-host", "controller-1": "controller", "compute-9": "no-host"},
        "port": {"202": "accepted", "200": "ok", "404": "no-status"},
        "longest": {"l2.wire": "shorter", "build": "no-call"},
    },
    deeds={"create": [(building, ["building"]), (no_more_web, ["no-server"])]},
)
AGENT = Slips(
    answers={
        "count": {"6": "all-services", "four": "no-number", "3": "other"},
        "state": {"up": "still-up", "enabled": "status", "dead": "no-state"},
        "task": {"BUILD": "status", "sleeping": "no-task"},
    },
    deeds={
        "elsewhere": [(cache_building, ["building"]), (cache_gone, ["no-server"])],
        "stop": [(only_restarted, ["agent-back"]), (killed_again, ["not-asked"])],
        "back": [(only_restarted, ["not-yet"]), (killed_again, ["dead"])],
        "again": [(only_restarted, ["not-yet"]), (killed_again, ["dead"])],
        "clean": [(late_gone, ["gone"]), (late_at_once, ["building"])],
        "late": [(late_elsewhere, ["elsewhere"]), (late_gone, ["no-server"]), (late_at_once, ["alive"])],
    },
)
SLIPS = {"01-vlan": VLAN, "02-server": SERVER, "03-agent": AGENT}
