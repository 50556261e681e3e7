"""nova-scheduler with a real placement beside it: messages, claims, failures and what the journal explains."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lab.config import Config, for_era
from lab.errors import LabError, NoValidHost
from lab.services.compute.aggregates import Aggregate
from lab.services.compute.model import ComputeNode, Server
from lab.services.compute.report_client import AllocationUpdateFailed
from lab.services.compute.server_groups import ServerGroup
from lab.services.placement.model import ResourceProvider
from tests.unit.scheduler.rig import World

A, B, C = (f"{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-000000000000" for n in "abc")


def world(hosts: int = 4, config: Config | None = None, **numbers: Any) -> World:
    """Hosts that are alike but for their use of vCPUs: compute-0 is the emptiest."""
    made = World(config)
    made.add([(f"compute-{i}", {"vcpus_used": i, **numbers}) for i in range(hosts)])
    return made


def chosen(selections: list[list[dict[str, Any]]]) -> list[list[str]]:
    """The hosts of an answer."""
    return [[each["service_host"] for each in options] for options in selections]


def logs(made: World) -> list[str]:
    """The log lines of the journal."""
    return [entry.name for entry in made.entries(kind="log")]


def test_messages_come_in_the_order_of_a_real_scheduler() -> None:
    made = world()
    assert chosen(made.place(A)) == [["compute-0", "compute-1", "compute-2"]]
    told = [(e.kind, e.name, e.where.split("?")[0]) for e in made.entries() if e.kind in ("rpc_call", "rest", "notify", "rpc_reply")]
    start, end = "scheduler.select_destinations.start", "scheduler.select_destinations.end"
    assert told == [
        ("rpc_call", "select_destinations", "scheduler"),
        ("rest", "GET", "/allocation_candidates"),
        ("notify", start, "notifications.info"),
        ("notify", start, "versioned_notifications.info"),
        ("rest", "GET", f"/allocations/{A}"),
        ("rest", "PUT", f"/allocations/{A}"),
        ("notify", end, "notifications.info"),
        ("notify", end, "versioned_notifications.info"),
        ("rpc_reply", "select_destinations", "reply_nova-conductor"),
    ]
    asked = next(e.where for e in made.entries(kind="rest"))
    assert asked == (
        "/allocation_candidates?limit=1000&resources=DISK_GB%3A1%2CMEMORY_MB%3A512%2CVCPU%3A1"
        "&root_required=OWNER_NOVA%2C%21COMPUTE_STATUS_DISABLED"
    )
    held = {"DISK_GB": 1, "MEMORY_MB": 512, "VCPU": 1}
    assert [part["resources"] for part in made.held(A).values()] == [held]


def test_no_candidates_is_placements_no() -> None:
    made = world()
    with pytest.raises(NoValidHost, match=r"^No valid host was found\.$"):
        made.place(A, flavor={"ram": 9_000_000})
    sentence = "Got no allocation candidates from the Placement API. This could be due to insufficient resources or a temporary "
    assert logs(made) == [sentence + "occurrence as compute nodes start up."]
    assert not made.entries(kind="notify")


def test_a_filter_that_empties_the_list_is_named_with_its_counts_and_reasons() -> None:
    config = Config(enabled_filters=("ComputeFilter", "IoOpsFilter"))
    made = world(2, config, num_io_ops=9)
    made.service("compute-1", disabled=True, disabled_reason="broken fan")
    with pytest.raises(NoValidHost, match=r"^No valid host was found\. There are not enough hosts available\.$"):
        made.place(A)
    summary = (
        f"Filtering removed all hosts for the request with instance ID '{A}'. Filter results: "
        "['ComputeFilter: (start: 2, end: 1)', 'IoOpsFilter: (start: 1, end: 0)']"
    )
    assert logs(made) == ["Filter IoOpsFilter returned 0 hosts", summary]
    told = made.explanation(A)
    assert told["summary"] == summary
    assert [host["reason"] for host in told["hosts"]] == [
        "IoOpsFilter: 9 io ops >= 8",
        "ComputeFilter: the service is disabled, reason: broken fan",
    ]
    assert not made.held(A)
    assert made.entries(kind="decision")[0].status == "NoValidHost"


def test_a_silent_host_is_no_candidate_and_the_reason_says_for_how_long() -> None:
    made = world(2)

    async def wait() -> None:
        await asyncio.sleep(61)

    made.run(wait())
    made.service("compute-1", last_seen_ns=60_000_000_000)
    assert chosen(made.place(A)) == [["compute-1"]]
    reasons = [host["reason"] for host in made.explanation(A)["hosts"] if not host["passed"]]
    assert reasons == ["ComputeFilter: has not been heard from in a while: 61.0 s > 60 s"]


def test_a_refused_claim_goes_to_the_next_host(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()
    client = made.scheduler._placement
    claim = client.claim
    refusals = [False]

    async def refuse_once(*args: Any) -> bool:
        return refusals.pop() if refusals else await claim(*args)

    monkeypatch.setattr(client, "claim", refuse_once)
    assert chosen(made.place(A)) == [["compute-1", "compute-0", "compute-2"]]


def test_placement_refuses_what_was_taken_meanwhile() -> None:
    made = world(2)

    async def race() -> list[Any]:
        asked = [asyncio.ensure_future(made.ask(server, flavor={"ram": 40_000})) for server in (A, B)]
        return [await each for each in asked]

    first, second = made.run(race())
    assert {chosen(first)[0][0], chosen(second)[0][0]} == {"compute-0", "compute-1"}


def test_a_message_that_comes_twice_claims_once() -> None:
    made = world()
    assert chosen(made.place(A))[0][0] == "compute-0"
    made.change(made.scheduler._hosts.uuids[0], num_io_ops=7)
    assert chosen(made.place(A))[0][0] == "compute-0"
    assert len(made.held(A)) == 1


def test_several_servers_are_spread_and_share_their_alternates() -> None:
    made = world(4)
    assert chosen(made.place(A, B)) == [["compute-0", "compute-2", "compute-3"], ["compute-1", "compute-2", "compute-3"]]


def test_when_one_of_several_finds_no_host_none_keeps_anything() -> None:
    made = world(1)
    with pytest.raises(NoValidHost):
        made.place(A, B, flavor={"ram": 40_000})
    assert not made.held(A)
    assert not made.held(B)
    assert made.scheduler._hosts.numbers.column("num_instances").tolist() == [0.0]


def test_when_the_claim_of_one_of_several_fails_the_others_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()
    client = made.scheduler._placement
    claim = client.claim

    async def broken(ctx: Any, server_id: str, *args: Any) -> bool:
        if server_id == B:
            raise AllocationUpdateFailed(f"Failed to update allocations for consumer {B}.")
        return await claim(ctx, server_id, *args)

    monkeypatch.setattr(client, "claim", broken)
    with pytest.raises(AllocationUpdateFailed):
        made.place(A, B)
    assert not made.held(A)
    assert not made.scheduler._hosts.numbers.column("num_instances").any()


def test_a_repeated_message_that_fails_gives_nothing_of_the_first_ones_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()
    made.place(A)

    async def refuse(*args: Any) -> bool:
        return False

    monkeypatch.setattr(made.scheduler._placement, "claim", refuse)
    with pytest.raises(NoValidHost):
        made.place(A, B)
    assert len(made.held(A)) == 1


def test_a_claim_counts_until_its_host_reports_and_no_longer_than_a_minute() -> None:
    made = world(2)
    made.change(made.scheduler._hosts.uuids[1], vcpus_used=0)
    assert [chosen(made.place(server))[0][0] for server in (A, B)] == ["compute-0", "compute-1"]
    made.change(made.scheduler._hosts.uuids[0], running_vms=1, vcpus_used=1)
    ios = made.scheduler._hosts.numbers.column("num_io_ops")
    assert ios.tolist() == [0.0, 1.0]
    made.scheduler._hosts.refresh(61_000_000_000, 1 << 60, 60_000_000_000)
    assert ios.tolist() == [0.0, 0.0]


def test_a_group_keeps_its_servers_apart_or_together() -> None:
    made = world(2)

    def write(tx: Any) -> None:
        server = {"number": 1, "project_id": "p", "user_id": "u", "name": "x", "created_at": "", "host": "compute-0"}
        tx.insert(Server.make(id=B, **server))
        for policy in ("anti-affinity", "affinity"):
            tx.insert(ServerGroup.make(id=policy, name=policy, policy=policy, project_id="p", user_id="u", created_at="", members=[B]))

    made.run(made.wires.store.run(write))
    assert chosen(made.place(A, scheduler_hints={"group": ["anti-affinity"]}))[0] == ["compute-1"]
    reasons = [host["reason"] for host in made.explanation(A)["hosts"] if not host["passed"]]
    assert reasons == ["ServerGroupAntiAffinityFilter: 1 servers of group anti-affinity >= max_server_per_host 1"]
    assert chosen(made.place(C, scheduler_hints={"group": ["affinity"]}))[0] == ["compute-0"]


def test_two_of_one_request_respect_anti_affinity_among_themselves() -> None:
    made = world(2)
    group = {"uuid": "g", "policy": "anti-affinity", "members": [], "rules": {}}
    assert {hosts[0] for hosts in chosen(made.place(A, B, instance_group=group))} == {"compute-0", "compute-1"}


def test_agents_tell_where_servers_are() -> None:
    made = world(3, Config(enabled_filters=("SameHostFilter",)))

    async def tell(method: str, **body: Any) -> None:
        made.conductor.rpc.fanout(made.conductor.context(), "scheduler", method, body)
        await asyncio.sleep(0.1)

    made.run(tell("update_instance_info", host_name="compute-2", instance_info=[{"uuid": B}]))
    assert chosen(made.place(A, scheduler_hints={"same_host": [B]}))[0] == ["compute-2"]
    made.run(tell("sync_instance_info", host_name="compute-2", instance_uuids=[B]))
    made.run(tell("delete_instance_info", host_name="compute-2", instance_uuid=B))
    with pytest.raises(NoValidHost):
        made.place(C, scheduler_hints={"same_host": [B]})
    made.run(tell("sync_instance_info", host_name="compute-2", instance_uuids=[B]))
    assert logs(made)[-1] == "The instance sync for host 'compute-2' did not match. Re-created its InstanceList."


@pytest.mark.parametrize("era", ["2018", "2026"])
def test_a_zone_is_asked_of_placement_today_and_filtered_in_2018(era: str) -> None:
    made = World(for_era(era))
    uuids = made.add([("compute-0", {}), ("compute-1", {})])

    def write(tx: Any) -> None:
        tx.insert(
            Aggregate.make(
                id=1,
                uuid=C,
                name="zone",
                created_at="",
                hosts=["compute-1"],
                metadata_={"availability_zone": "az1"},
            )
        )
        tx.update(tx.need(ResourceProvider, uuids[1]), aggregates=[C])

    made.run(made.wires.store.run(write))
    selection = made.place(A, availability_zone="az1")[0]
    assert [(each["service_host"], each["availability_zone"]) for each in selection] == [("compute-1", "az1")]
    path = made.entries(kind="rest", name="GET")[0].where
    assert ("member_of" in path) is (era == "2026")


def test_a_forced_host_skips_the_filters() -> None:
    made = world(2)
    made.service("compute-1", disabled=True)
    assert chosen(made.place(A, force_hosts=["compute-1"])) == [["compute-1"]]
    with pytest.raises(NoValidHost, match="No such host - host: nowhere"):
        made.place(B, force_hosts=["nowhere"])


def test_the_journal_explains_the_state_of_then() -> None:
    made = world(3)
    made.place(A)
    before = made.explanation(A)
    for uuid in made.scheduler._hosts.uuids:
        made.change(uuid, vcpus_used=9, num_io_ops=4)
    made.place(B)
    assert made.explanation(A) == before
    best = before["hosts"][0]
    assert best["weights"]["CPUWeigher"] == {"raw": 64.0, "normalised": 1.0, "multiplier": 1.0, "score": 1.0}
    assert before["ranking"][0] == {"host": "compute-0", "total": best["total"]}


def test_the_answer_over_the_wire_decides_as_the_one_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = world().place(A)
    made = world()
    answer = made.api.search.answer

    def without_view(query: Any) -> Any:
        body = answer(query)
        body.view = None
        return body

    monkeypatch.setattr(made.api.search, "answer", without_view)
    assert made.place(A) == expected


def test_placement_that_does_not_answer_is_no_candidates() -> None:
    made = world()
    made.wires.kill("placement@controller-1")
    with pytest.raises(NoValidHost):
        made.place(A)
    assert logs(made)[-1].startswith("Got no allocation candidates from the Placement API.")


def test_a_restart_knows_all_hosts_again_and_deleted_ones_are_gone() -> None:
    made = world(3)
    uuids = list(made.scheduler._hosts.uuids)
    made.run(made.wires.store.run(lambda tx: tx.delete(tx.need(ComputeNode, uuids[0]))))
    assert chosen(made.place(A))[0] == ["compute-1", "compute-2"]
    made.wires.restart("nova-scheduler@controller-1")
    assert chosen(made.place(B))[0][0] in ("compute-1", "compute-2")


def test_a_wide_subset_and_shuffling_draw_from_the_processes_own_stream() -> None:
    config = Config(host_subset_size=3, shuffle_best_same_weighed_hosts=True)
    firsts = []
    for _ in range(2):
        made = World(config)
        made.add([(f"compute-{i}", {}) for i in range(6)])
        firsts.append([chosen(made.place(f"{n:08x}-0000-4000-8000-0000000000aa"))[0][0] for n in range(6)])
    assert firsts[0] == firsts[1]
    assert len(set(firsts[0])) > 1


def test_an_unknown_filter_or_weigher_lists_the_known_ones() -> None:
    with pytest.raises(LabError, match="unknown filter NoFilter; known: AllHostsFilter"):
        World(Config(enabled_filters=("NoFilter",)))
    with pytest.raises(LabError, match="unknown weigher NoWeigher; known: RAMWeigher"):
        World(Config(weight_multipliers={"NoWeigher": 1.0}))
    with pytest.raises(LabError, match="filter nowhere:EVEN: No module named 'nowhere'"):
        World(Config(enabled_filters=("nowhere:EVEN",)))
    with pytest.raises(LabError, match=r"math:pi is a float; a lab\.services\.compute\.weighers\.Weigher is needed"):
        World(Config(weight_multipliers={"math:pi": 1.0}))
