"""A decision over columns is the decision of filtering and weighing host by host: same hosts, same floats, same order.

`naive` is the oracle: plain Python over dicts, written from nova's classes and sharing nothing with the product. The last
test proves that it can fail.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from lab.config import FILTERS_2018, WEIGHERS, Config
from lab.services.compute import weighers as weighers_module
from lab.services.compute.decision import Decider, Decision, Ranking
from lab.services.compute.filters import FILTERS, Situation
from lab.services.compute.host_pool import Pool, Rows
from lab.services.compute.hosts import HostTable
from lab.services.compute.model import ComputeNode, ComputeService
from lab.services.compute.request_spec import Request

Host = dict[str, Any]
SECOND = 1_000_000_000
DOWN_AFTER_S = 60
NOW = 200 * SECOND
SERVERS = [f"server-{i}" for i in range(6)]

host_strategy = st.fixed_dictionaries(
    {
        "vcpus": st.sampled_from([0, 4, 8, 16]),
        "vcpus_used": st.integers(0, 20),
        "memory_mb": st.sampled_from([1024, 4096, 8192]),
        "free_ram_mb": st.integers(-512, 8192),
        "local_gb": st.sampled_from([10, 100]),
        "free_disk_gb": st.integers(-1, 100),
        "disk_available_least": st.none() | st.integers(0, 100),
        "running_vms": st.integers(0, 3) | st.just(50),
        "num_io_ops": st.integers(0, 9),
        "failed_builds": st.integers(0, 2),
        "hypervisor_version": st.sampled_from([4_002_000, 6_002_000]),
        "hypervisor_type": st.sampled_from(["QEMU", "LXC", "xen"]),
        "cpu_info": st.sampled_from(['{"arch": "x86_64", "features": ["sse", "avx"]}', '{"arch": "aarch64"}', "{}"]),
        "cpu_allocation_ratio": st.sampled_from([1.0, 4.0, 16.0, 0.5]),
        "ram_allocation_ratio": st.sampled_from([1.0, 1.5]),
        "disk_allocation_ratio": st.sampled_from([1.0, 2.0]),
        "disabled": st.booleans(),
        "forced_down": st.sampled_from([False, False, True]),
        "last_seen_s": st.sampled_from([199, 140, 139, 100]),
        "zone": st.sampled_from([None, "az1", "az2"]),
        "servers": st.lists(st.sampled_from(SERVERS), max_size=3, unique=True),
    }
)
group_strategy = st.none() | st.fixed_dictionaries(
    {
        "uuid": st.just("group"),
        "policy": st.sampled_from(["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]),
        "members": st.lists(st.sampled_from(SERVERS), max_size=4, unique=True),
        "rules": st.sampled_from([{}, {"max_server_per_host": 2}]),
    }
)
request_strategy = st.fixed_dictionaries(
    {
        "instance_uuid": st.sampled_from([*SERVERS, "new"]),
        "flavor": st.fixed_dictionaries(
            {
                "vcpus": st.integers(1, 8),
                "ram": st.sampled_from([512, 2048, 8192]),
                "disk": st.integers(0, 50),
                "ephemeral": st.integers(0, 5),
                "swap": st.sampled_from([0, 512]),
                "extra_specs": st.dictionaries(
                    st.sampled_from(["vcpus_total", "capabilities:cpu_info:arch", "hw:mem_page_size", "nothing"]),
                    st.sampled_from([">= 8", "x86_64", "<in> 64", "<or> x86_64 <or> arm", "= 4", "s== aarch64", "large"]),
                    max_size=2,
                ),
            }
        ),
        "image": st.fixed_dictionaries(
            {
                "properties": st.dictionaries(
                    st.sampled_from(["hw_architecture", "img_hv_type", "hw_vm_mode", "img_hv_requested_version"]),
                    st.sampled_from(["x86_64", "qemu", "lxc", "hvm", ">=5.0"]),
                    max_size=2,
                )
            }
        ),
        "availability_zone": st.sampled_from([None, "az1", "nova"]),
        "scheduler_hints": st.fixed_dictionaries(
            {},
            optional={
                "same_host": st.lists(st.sampled_from(SERVERS), min_size=1, max_size=2),
                "different_host": st.lists(st.sampled_from(SERVERS), min_size=1, max_size=2),
                "build_near_host_ip": st.just(["10.0.0.1"]),
                "cidr": st.sampled_from([["/24"], ["/30"]]),
            },
        ),
        "instance_group": group_strategy,
        "retry": st.sampled_from([None, {"hosts": [["compute-0", "compute-0"]]}]),
        "ignore_hosts": st.sampled_from([None, ["compute-1"]]),
    }
)
multipliers_strategy = st.fixed_dictionaries(
    {name: st.sampled_from([default, 0.0, 1.0, -2.5, 0.1]) for name, default in WEIGHERS.items() if name != "ImagePropertiesWeigher"}
).map(lambda chosen: dict(sorted(chosen.items(), key=lambda item: (item[1], item[0]))))
config_strategy = st.builds(
    lambda filters, multipliers: Config(enabled_filters=tuple(filters), weight_multipliers=multipliers),
    st.just(list(FILTERS_2018)) | st.lists(st.sampled_from(sorted(FILTERS)), unique=True, max_size=6),
    multipliers_strategy,
)


# -- the oracle ---------------------------------------------------------------------------------


def naive_passes(name: str, host: Host, spec: dict[str, Any], config: Config) -> bool:
    """One filter on one host, as nova's class of that name decides."""
    flavor, group, hints = spec["flavor"], spec["instance_group"], spec["scheduler_hints"]
    disk_mb = (flavor["disk"] + flavor["ephemeral"]) * 1024
    if name == "ComputeFilter":
        return not host["disabled"] and not host["forced_down"] and 200 - host["last_seen_s"] <= DOWN_AFTER_S
    if name == "AvailabilityZoneFilter":
        return not spec["availability_zone"] or (host["zone"] or "nova") == spec["availability_zone"]
    if name == "ComputeCapabilitiesFilter":
        return all(naive_capability(key, value, host) for key, value in flavor["extra_specs"].items())
    if name == "ImagePropertiesFilter":
        return naive_image(host, spec["image"]["properties"])
    if name == "ServerGroupAntiAffinityFilter":
        if not group or group["policy"] != "anti-affinity" or spec["instance_uuid"] in host["servers"]:
            return True
        return len(set(group["members"]) & set(host["servers"])) < group["rules"].get("max_server_per_host", 1)
    if name == "ServerGroupAffinityFilter":
        return not group or group["policy"] != "affinity" or not group["hosts"] or host["host"] in group["hosts"]
    if name == "DifferentHostFilter":
        return not set(hints.get("different_host", ())) & set(host["servers"])
    if name == "SameHostFilter":
        return "same_host" not in hints or bool(set(hints["same_host"]) & set(host["servers"]))
    if name == "SimpleCIDRAffinityFilter":
        if "build_near_host_ip" not in hints:
            return True
        network = ipaddress.ip_network(hints["build_near_host_ip"][0] + hints.get("cidr", ["/24"])[0], strict=False)
        return ipaddress.ip_address(host["host_ip"]) in network
    if name == "IoOpsFilter":
        return host["num_io_ops"] < 8
    if name == "NumInstancesFilter":
        return host["running_vms"] < 50
    if name == "RetryFilter":
        return not spec["retry"] or [host["host"], host["host"]] not in spec["retry"]["hosts"]
    if name == "RamFilter":
        used = host["memory_mb"] - host["free_ram_mb"]
        limit = host["memory_mb"] * host["ram_allocation_ratio"]
        return host["memory_mb"] >= flavor["ram"] and limit - used >= flavor["ram"]
    if name == "CoreFilter":
        if not host["vcpus"]:
            return True
        limit = host["vcpus"] * host["cpu_allocation_ratio"]
        return host["vcpus"] >= flavor["vcpus"] and limit - host["vcpus_used"] >= flavor["vcpus"]
    if name == "DiskFilter":
        total, wanted = host["local_gb"] * 1024, disk_mb + flavor["swap"]
        return total >= wanted and total * host["disk_allocation_ratio"] - (total - naive_free_disk(host)) >= wanted
    assert name == "AllHostsFilter"
    return True


def naive_capability(key: str, wanted: str, host: Host) -> bool:
    """One extra spec on one host."""
    if key == "vcpus_total":
        value = str(host["vcpus"])
    elif key == "capabilities:cpu_info:arch":
        found = json.loads(host["cpu_info"]).get("arch")
        if found is None:
            return False
        value = found
    else:
        return True
    words = wanted.split()
    if words[0] == "<or>":
        return value in words[1::2]
    if words[0] == "<in>":
        return words[1] in value
    if words[0] == "s==":
        return value == words[1]
    if words[0] in ("=", ">="):
        try:
            return float(value) >= float(words[1])
        except ValueError:
            return False
    return value == wanted


def naive_image(host: Host, properties: dict[str, str]) -> bool:
    """The image's properties on one host."""
    names = ("hw_architecture", "img_hv_type", "hw_vm_mode")
    wanted = [properties[name] for name in names if name in properties]
    if not wanted:
        return True
    kind = host["hypervisor_type"].lower()
    kinds = ["kvm", "qemu"] if kind == "qemu" else [kind]
    mode = "exe" if kind == "lxc" else "hvm"
    guests = [(arch, each, mode) for arch in ("x86_64", "i686") for each in kinds]
    if not any(all(want in guest for want in wanted) for guest in guests):
        return False
    asked = properties.get("img_hv_requested_version")
    if asked is None:
        return True
    return asked == ">=5.0" and host["hypervisor_version"] >= 5_000_000


def naive_free_disk(host: Host) -> int:
    """Free disk in MB, the lesser of what the host says twice."""
    least = host["disk_available_least"]
    return int(min(host["free_disk_gb"], least) if least is not None else host["free_disk_gb"]) * 1024


def naive_raw(name: str, host: Host, spec: dict[str, Any]) -> float:
    """One weigher's number for one host."""
    group = spec["instance_group"]
    here = len(set(group["members"]) & set(host["servers"])) if group else 0
    return {
        "RAMWeigher": host["free_ram_mb"],
        "CPUWeigher": host["vcpus"] * host["cpu_allocation_ratio"] - host["vcpus_used"],
        "DiskWeigher": naive_free_disk(host),
        "IoOpsWeigher": host["num_io_ops"],
        "PCIWeigher": 100,
        "ServerGroupSoftAffinityWeigher": here if group and group["policy"] == "soft-affinity" else 0,
        "ServerGroupSoftAntiAffinityWeigher": -here if group and group["policy"] == "soft-anti-affinity" else 0,
        "BuildFailureWeigher": host["failed_builds"],
        "HypervisorVersionWeigher": host["hypervisor_version"],
        "NumInstancesWeigher": host["running_vms"],
    }.get(name, 0)


def naive(hosts: list[Host], spec: dict[str, Any], config: Config) -> tuple[list[tuple[str, float]], dict[str, str], list[str]]:
    """Filter and weigh host by host: the ranking, the filter that removed each other host, and the stages."""
    hosts = [host for host in hosts if host["host"] not in (spec["ignore_hosts"] or ())]
    removed: dict[str, str] = {}
    stages = []
    for name in config.enabled_filters:
        passed = [host for host in hosts if naive_passes(name, host, spec, config)]
        removed |= {host["host"]: name for host in hosts if host not in passed}
        stages.append(f"{name}: (start: {len(hosts)}, end: {len(passed)})")
        hosts = passed
        if not hosts:
            return [], removed, stages
    totals = dict.fromkeys((host["host"] for host in hosts), 0.0)
    for name, factor in config.weight_multipliers.items():
        multiplier = -factor if name == "BuildFailureWeigher" else factor
        raw = {host["host"]: float(naive_raw(name, host, spec)) for host in hosts}
        low, high = min(raw.values(), default=0.0), max(raw.values(), default=0.0)
        for host in raw:
            norm = (raw[host] - low) / (high - low) if high != low else 0
            totals[host] += multiplier * norm
    return sorted(totals.items(), key=lambda item: item[1], reverse=True), removed, stages


# -- the product, fed with the same hosts ---------------------------------------------------------


def build(hosts: list[Host]) -> HostTable:
    """A table of these hosts, each named by its place."""
    table = HostTable()
    for number, host in enumerate(hosts):
        host["host"], host["host_ip"] = f"compute-{number}", f"10.0.0.{number + 1}"
        table.put_node(node_of(number, host))
        table.put_service(
            ComputeService.make(
                uuid=f"service-{number}",
                id=number,
                binary="nova-compute",
                host=host["host"],
                topic="compute",
                created_at="",
                disabled=host["disabled"],
                forced_down=host["forced_down"],
                last_seen_ns=host["last_seen_s"] * SECOND,
            )
        )
    table.zones = {host["host"]: host["zone"] for host in hosts if host["zone"]}
    table.refresh(NOW, DOWN_AFTER_S * SECOND, 60 * SECOND)
    return table


def node_of(number: int, host: Host) -> ComputeNode:
    """The record of one host."""
    names = (
        *("vcpus", "vcpus_used", "memory_mb", "free_ram_mb", "local_gb", "free_disk_gb", "disk_available_least"),
        *("running_vms", "num_io_ops", "failed_builds", "hypervisor_version", "hypervisor_type", "cpu_info"),
        *("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio", "host", "host_ip"),
    )
    fixed = {"uuid": f"node-{number}", "id": number, "hypervisor_hostname": host["host"], "service_id": number}
    return ComputeNode.make(created_at="", **fixed, **{name: host[name] for name in names})


def situation_of(table: HostTable, hosts: list[Host], spec: dict[str, Any], config: Config) -> tuple[Request, Situation]:
    """What the scheduler would find out around the request."""
    group = spec["instance_group"]
    if group:
        group["hosts"] = [host["host"] for host in hosts if set(group["members"]) & set(host["servers"])]
    request = Request.of(spec)
    rows = {host["host"]: number for number, host in enumerate(hosts)}

    def rows_with(servers: Any) -> tuple[int, ...]:
        return tuple(row for row, host in enumerate(hosts) if set(servers) & set(host["servers"]))

    members = {row: len(set(request.group.members) & set(hosts[row]["servers"])) for row in range(len(hosts))} if request.group else {}
    return request, Situation(
        config,
        now_ns=NOW,
        zones=table.zones,
        members={row: count for row, count in members.items() if count},
        own_rows=rows_with([request.server_id]),
        group_rows=tuple(rows[host] for host in (request.group.hosts if request.group else ())),
        same_rows=rows_with(request.hint_list("same_host")),
        different_rows=rows_with(request.hint_list("different_host")),
    )


def decide(hosts: list[Host], order: list[int], spec: dict[str, Any], config: Config) -> tuple[HostTable, Decider, Decision, Ranking]:
    """Decide over the hosts of `order`, which is placement's."""
    table = build(hosts)
    request, situation = situation_of(table, hosts, spec, config)
    decider = Decider(config)
    rows: Rows = np.array(order, dtype=np.intp)
    decision, ranking = decider.decide(Pool(table.numbers, rows), request, situation)
    return table, decider, decision, ranking


cases = st.lists(host_strategy, min_size=1, max_size=8).flatmap(
    lambda hosts: st.tuples(
        st.just(hosts),
        st.lists(st.integers(0, len(hosts) - 1), unique=True, min_size=1),
        request_strategy,
        config_strategy,
    )
)


@given(cases)
@settings(max_examples=125)
def test_the_decision_is_the_naive_one(case: Any) -> None:
    hosts, order, spec, config = case
    table, _, decision, ranking = decide(hosts, order, spec, config)
    expected, _, stages = naive([hosts[row] for row in order], spec, config)
    assert [(table.hosts[row], total) for row, total in ranking] == expected
    assert [str(stage) for stage in decision.stages] == stages


@given(cases, st.lists(st.tuples(st.integers(0, 7), host_strategy), max_size=4))
@settings(max_examples=60)
def test_the_explanation_is_that_of_the_state_which_the_decision_saw(case: Any, later: Any) -> None:
    hosts, order, spec, config = case
    table, decider, decision, _ = decide(hosts, order, spec, config)
    candidates = [dict(hosts[row]) for row in order]
    for number, other in later:
        if number < len(hosts):
            texts = ("host", "host_ip", "hypervisor_type", "cpu_info", "hypervisor_version")
            changed = {**other, **{name: hosts[number][name] for name in texts}}
            table.put_node(node_of(number, changed))
            table.consume(number, 1, 512, 1024, NOW)
    explained = {host["host"]: host for host in orjson.loads(orjson.dumps(decider.explain(decision, table)))["hosts"]}
    ranking, removed, _ = naive(candidates, spec, config)
    assert {name: host["total"] for name, host in explained.items() if host.get("passed")} == dict(ranking)
    assert {name: host["reason"].split(":")[0] for name, host in explained.items() if host.get("passed") is False} == removed
    for name, total in ranking:
        parts = [weight["score"] for weight in explained[name]["weights"].values()]
        assert sum(parts) == pytest.approx(total)


@given(cases, st.integers(1, 3))
@settings(max_examples=40)
def test_several_servers_of_one_request_are_decided_one_after_the_other(case: Any, count: int) -> None:
    hosts, order, spec, config = case
    spec["instance_group"] = None
    table = build(hosts)
    request, situation = situation_of(table, hosts, spec, config)
    decider = Decider(config)
    pool = Pool(table.numbers, np.array(order, dtype=np.intp))
    expected_hosts = [dict(hosts[row]) for row in order]
    for index in range(count):
        _, ranking = decider.decide(pool, request, situation, index)
        later = Config(
            enabled_filters=tuple(n for n in config.enabled_filters if not (index and FILTERS[n].once)),
            weight_multipliers=config.weight_multipliers,
        )
        expected, _, _ = naive(expected_hosts, spec, later)
        got = [(table.hosts[row], total) for row, total in ranking]
        assert got == expected
        if not got:
            return
        row = next(iter(ranking))[0]
        table.consume(row, request.vcpus, request.memory_mb, request.disk_mb, NOW)
        pool = ranking.next_pool()
        by_name = {host["host"]: host for host in expected_hosts}
        expected_hosts = [by_name[name] for name, _ in expected]
        winner = by_name[expected[0][0]]
        winner["free_ram_mb"] -= request.memory_mb
        winner["vcpus_used"] += request.vcpus
        winner["running_vms"] += 1
        winner["num_io_ops"] += 1
        winner["free_disk_gb"] = naive_free_disk(winner) // 1024 - request.disk_mb // 1024
        winner["disk_available_least"] = None


@given(cases, st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["report", "claim", "restore"]), host_strategy), max_size=8))
@settings(max_examples=75)
def test_totals_that_were_kept_are_those_that_are_made_anew(case: Any, later: Any) -> None:
    """The same pool again and again while hosts change, also back to what they were."""
    hosts, order, spec, config = case
    table = build(hosts)
    request, situation = situation_of(table, hosts, spec, config)
    decider, rows = Decider(config, keep_from=0), np.array(order, dtype=np.intp)
    whole = order == list(range(len(hosts)))
    for number, what, other in [(99, "", {}), *later]:
        if number < len(hosts):
            if what == "report":
                table.put_node(node_of(number, {**other, "host": hosts[number]["host"], "host_ip": hosts[number]["host_ip"]}))
            elif what == "claim":
                table.consume(number, 1, 512, 1024, NOW)
            else:
                table.restore([number])
        pool = Pool(table.numbers, rows, whole=whole)
        kept, anew = decider.decide(pool, request, situation), Decider(config).decide(pool, request, situation)
        assert list(kept[1]) == list(anew[1])
        assert kept[0].stages == anew[0].stages


def test_the_oracle_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one number of one weigher wrong a difference is found."""
    right = weighers_module.normalised

    def wrong(raw: Any) -> Any:
        norm = right(raw)
        return None if norm is None else norm * norm

    monkeypatch.setattr(weighers_module, "normalised", wrong)

    def differs(case: Any) -> bool:
        hosts, order, spec, config = case
        table, _, _, ranking = decide(hosts, order, spec, config)
        expected, _, _ = naive([hosts[row] for row in order], spec, config)
        return [(table.hosts[row], total) for row, total in ranking] != expected

    try:
        find(cases, differs, settings=settings(max_examples=500, database=None, phases=(Phase.generate,)))
    except NoSuchExample:  # pragma: no cover
        pytest.fail("500 examples did not tell a squared normalisation from a right one")
