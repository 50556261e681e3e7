"""The table of durations: its form, its draws, and the medium's use of it."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from sim.datacenter.topology import DatacenterSpec
from sim.medium import SimMedium
from sim.timing import Timing, TimingError, default_timing

Site = Any


def document(**changes: Any) -> dict[str, Any]:
    entry = {"value": 10, "unit": "ms", "spread": "s", "source": "test"}
    made: dict[str, Any] = {
        "shapes": {"s": [0.5, 1, 2]},
        "driver": {"x": {"y": entry}},
        "work": {
            "*": {"*": entry, "GET": {**entry, "value": 20}},
            "api": {"POST /a/{id}": {**entry, "value": 30}, "POST": {**entry, "value": 40}, "call(A.b)": entry,
                    "call": {**entry, "value": 50}, "*": {**entry, "value": 60}},
        },
        "workers": {"*": {"rest": 2, "rpc": 3, "source": "test"}},
    }  # fmt: skip
    return {**made, **changes}


def test_a_draw_stays_in_its_shape_and_its_median_is_the_value() -> None:
    duration = Timing(document())["x.y"]
    draws = sorted(duration.draw(Random(str(n))) for n in range(2001))
    assert draws[0] >= 5_000_000
    assert draws[-1] <= 20_000_000
    assert draws[1000] == pytest.approx(10_000_000, rel=0.05)
    assert duration.median_ns == 10_000_000


@pytest.mark.parametrize(
    ("binary", "name", "ms"),
    [
        ("api", "POST /a/{other_name}", 30), ("api", "POST /b", 40), ("api", "GET /b", 60), ("api", "call(A.b)", 10),
        ("api", "call(C.d)", 50), ("api", "cast", 60), ("other", "GET /b", 20), ("other", "cast", 10), ("other", "PUT /b", 10),
    ],
)  # fmt: skip
def test_the_most_exact_entry_counts(binary: str, name: str, ms: int) -> None:
    assert Timing(document()).work_of(binary, name).median_ns == ms * 1_000_000


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(TimingError, match="shape s: give an odd number"):
        Timing(document(shapes={"s": [1, 2]}))
    with pytest.raises(TimingError, match=re.escape("x.y: an entry has exactly source, spread, unit, value")):
        Timing(document(driver={"x": {"y": {"value": 1}}}))
    with pytest.raises(TimingError, match="unit is one of ns, us, ms, s"):
        Timing(document(driver={"x": {"y": {"value": 1, "unit": "min", "spread": "s", "source": "t"}}}))
    with pytest.raises(TimingError, match=re.escape("no [driver] entry x.z; known: x.y")):
        Timing(document())["x.z"]


def test_every_number_of_the_real_table_names_its_source() -> None:
    timing = default_timing()
    everything = [*timing.durations.values(), *(d for table in timing.work.values() for d in table.values())]
    known = re.compile(r"(trace|perf|default|guess|data sheets)\b")
    assert [d.source for d in everything if not known.match(d.source)] == []
    assert [p.source for p in timing.pools.values() if not known.match(p.source)] == []


def test_the_medium_draws_by_named_streams(site: Site, new_site: Any) -> None:
    medium, same = SimMedium(site.dc), SimMedium(new_site().dc)
    draws = [medium.work("nova-api", "POST /v2.1/servers") for _ in range(5)]
    same.work("glance", "GET /v2/images")  # another binary's draws change nothing here
    assert draws == [same.work("nova-api", "POST /v2.1/servers") for _ in range(5)]
    assert medium.workers("nova-conductor", "rpc") == 2
    assert medium.workers("unheard-of", "rest") == 4
    assert medium.latency("controller-1", "compute-1") == site.dc.fabric.latency_ns("controller-1", "compute-1")
    told: list[bool] = []
    medium.on_change(lambda: told.append(True))
    site.dc.fabric.links["compute-1--leaf-1"].set(False)
    assert told
    assert medium.latency("controller-1", "compute-1") is None


def test_two_sites_of_one_seed_are_the_same(new_site: Any) -> None:
    def story(site: Site) -> list[Any]:
        net = site.net("blue")
        site.guest("a", net, "compute-1", 11)
        site.guest("b", net, "compute-3", 12)
        site.sleep(20)
        result = site.ping("port-a", "10.0.0.12")
        return [site.dc.now(), result, site.run(site.hypervisor().console("id-a"))]

    spec = DatacenterSpec(racks=3)
    assert story(new_site(spec)) == story(new_site(spec))
    assert story(new_site(spec, 8)) != story(new_site(spec))
