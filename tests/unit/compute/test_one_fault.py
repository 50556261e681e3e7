"""One message of a server's whole life is lost, loses its answer, or comes twice: the life ends well, or as a real one would.

Each case must end ACTIVE or ERROR (or in one of the stuck states listed below), hold nothing in ERROR, and leave nothing
once the server is deleted.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from lab.errors import TransportError
from lab.services.compute.model import Server
from sim.faults import Match
from tests.unit.compute.neighbours import IMAGE, NETWORK
from tests.unit.compute.small_nova import SmallNova, play

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
STUCK = {
    "schedule_and_build_instances": ("building", "scheduling"),
    "build_and_run_instance": ("building", "scheduling"),
}
"""A lost cast has no reply: nobody will ever say that the build failed, here as in real nova (instance_build_timeout is off)."""

Message = tuple[str, str, str, int]


async def life(cloud: SmallNova) -> str | None:
    """Create a server and let it settle; None when the user was refused, with no record left."""
    server = {"name": "web", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}]}
    try:
        answer = await cloud.call("POST", "/v2.1/servers", {"server": server})
        refused = answer.status != 202
    except TransportError:
        refused = True
    if refused:
        assert await cloud.wires.store.run(lambda tx: tx.all(Server)) == []
        return None
    await cloud.settle(800)
    return str(answer.json()["server"]["id"])


def messages() -> list[Message]:
    """Every message of a life that works: kind, source, name with `*` for ids, and which of its name it is."""
    found: list[Message] = []

    async def main(cloud: SmallNova) -> None:
        before = len(list(cloud.wires.journal.since()))
        server_id = await life(cloud)
        assert server_id is not None
        await cloud.delete(server_id)
        await cloud.settle()
        count: Counter[tuple[str, str, str]] = Counter()
        for entry in list(cloud.wires.journal.since())[before:]:
            if entry.kind not in ("rest", "rpc_call", "rpc_cast") or not entry.request_id or entry.source.startswith("client"):
                continue
            name = entry.name if entry.kind != "rest" else f"{entry.name} {entry.where.partition('?')[0]}"
            key = (entry.kind, entry.source, ID.sub("*", name))
            count[key] += 1
            if "nova" in entry.source or "nova" in entry.target:
                found.append((*key, count[key]))

    play(main, hosts=2)
    return found


def check(message: Message, act: str) -> None:
    kind, source, name, nth = message

    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm(act, Match(name, kinds=(kind,), source=source, nth=nth))
        server_id = await life(cloud)
        if server_id is None:
            return
        server = await cloud.record(server_id)
        ended = (server.vm_state, server.task_state)
        if ended != STUCK.get(name):
            assert ended in (("active", None), ("error", None)), (message, act, ended)
        if server.vm_state == "error":
            held = [left for left in await cloud.leftovers(server_id) if not left.startswith("device")]
            assert held == [], (message, act)
        for _ in range(2):  # a delete that got lost is asked for again
            if not (await cloud.record(server_id)).deleted:
                await cloud.call("DELETE", f"/v2.1/servers/{server_id}")
                await cloud.settle(400)
        assert (await cloud.record(server_id)).deleted, (message, act)
        assert await cloud.leftovers(server_id) == [], (message, act)
        assert [(await cloud.node(host)).running_vms for host in cloud.hypervisors] == [0, 0], (message, act)

    play(main, hosts=2)


@pytest.mark.parametrize("act", ["drop", "lose_reply", "duplicate"])
def test_one_message_goes_wrong(act: str) -> None:
    for message in messages():
        if "scheduler" not in message[1] and message[2] != "select_destinations":  # the stand-in makes no promises
            check(message, act)
