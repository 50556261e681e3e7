"""Bulk transfers share bandwidth fairly, and exactly."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import Unreachable
from sim.datacenter.flow import STALL_NS, Channel, Flows

SECOND = 1_000_000_000


def finish_times(channels: Sequence[Channel], transfers: Sequence[tuple[int, int, tuple[int, ...]]]) -> list[int]:
    """Run (start in ns, bytes, channels) and answer when each ends."""
    env = simpy.Environment()
    flows = Flows(env)
    ends: dict[int, int] = {}

    def one(number: int, start: int, nbytes: int, path: tuple[int, ...]) -> object:
        yield env.timeout(start)
        yield flows.start(str(number), lambda: tuple(channels[i] for i in path), nbytes).done
        ends[number] = int(env.now)

    for number, (start, nbytes, path) in enumerate(transfers):
        env.process(one(number, start, nbytes, path))  # type: ignore[arg-type]
    env.run()
    assert not flows.active
    assert all(not channel.flows for channel in channels)
    return [ends[number] for number in range(len(transfers))]


def test_one_transfer_has_the_whole_channel() -> None:
    assert finish_times([Channel("c", 8_000)], [(0, 1_000, (0,))]) == [SECOND]


def test_two_transfers_take_twice_as_long() -> None:
    assert finish_times([Channel("c", 8_000)], [(0, 1_000, (0,)), (0, 1_000, (0,))]) == [2 * SECOND, 2 * SECOND]


def test_a_late_comer_slows_the_first_one_for_as_long_as_both_run() -> None:
    # The first has half a second alone, then both have half the channel until it is done; the second ends alone.
    ends = finish_times([Channel("c", 8_000)], [(0, 1_000, (0,)), (SECOND // 2, 1_000, (0,))])
    assert ends == [3 * SECOND // 2, 2 * SECOND]


def test_what_a_bottleneck_leaves_goes_to_the_others() -> None:
    # Max-min: flow 0 is held to 1 kbit/s by the thin channel, so flow 1 gets the other 7 of the thick one.
    ends = finish_times([Channel("thick", 8_000), Channel("thin", 1_000)], [(0, 125, (0, 1)), (0, 875, (0,))])
    assert ends == [SECOND, SECOND]


@given(
    capacity=st.integers(1_000, 10**10),
    sizes=st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(1, 10**7)), min_size=1, max_size=8),
)
def test_a_shared_channel_is_busy_exactly_as_long_as_its_bytes_take(capacity: int, sizes: list[tuple[int, int]]) -> None:
    ends = finish_times([Channel("c", capacity)], [(start, nbytes, (0,)) for start, nbytes in sizes])
    # Work conservation: sweep the arrivals through one queue of bytes and see when it runs empty for the last time.
    idle_at = 0
    for start, nbytes in sorted(sizes):
        idle_at = max(idle_at, start) + nbytes * 8 * SECOND / capacity
    # Whole bits a second lose less than one bit a second for each flow, and each end is rounded up to a nanosecond.
    slack = 20 + idle_at * len(sizes) / capacity * len(sizes)
    assert idle_at - 1 <= max(ends) <= idle_at + slack
    for (start, nbytes), end in zip(sizes, ends, strict=True):
        assert end - start >= nbytes * 8 * SECOND // capacity


@given(
    capacities=st.lists(st.integers(1_000, 10**6), min_size=2, max_size=4),
    paths=st.lists(st.sets(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=8),
)
def test_no_channel_passes_more_than_it_can_and_every_flow_has_a_bottleneck(capacities: list[int], paths: list[set[int]]) -> None:
    channels = [Channel(str(i), c) for i, c in enumerate(capacities)]
    flows = Flows(simpy.Environment())
    routes = [tuple(channels[i] for i in sorted({i % len(channels) for i in path})) for path in paths]
    running = [flows.start("f", lambda route=route: route, 10**9) for route in routes]  # type: ignore[misc]
    for channel in channels:
        assert sum(f.rate_bps for f in channel.flows) <= channel.capacity_bps
    for flow in running:
        # Max-min fairness: on some channel of its way it is among the fastest, and that channel is full (to a bit a flow).
        assert any(
            channel.capacity_bps - sum(f.rate_bps for f in channel.flows) < len(channel.flows)
            and flow.rate_bps >= max(f.rate_bps for f in channel.flows) - 1
            for channel in flow.channels
        )


def test_a_cut_way_stalls_and_a_mended_one_goes_on() -> None:
    env = simpy.Environment()
    flows, channel = Flows(env), Channel("c", 8_000)
    open_way = True
    flow = flows.start("f", lambda: (channel,) if open_way else None, 1_000)
    env.run(until=SECOND // 2)
    open_way = False
    flows.refresh()
    env.run(until=10 * SECOND)
    assert not flow.done.triggered
    open_way = True
    flows.refresh()
    env.run(until=flow.done)
    assert env.now == 10 * SECOND + SECOND // 2


def test_a_way_that_stays_cut_ends_the_transfer() -> None:
    env = simpy.Environment()
    flows = Flows(env)
    flow = flows.start("a > b", lambda: None, 1_000)
    env.run(until=STALL_NS + 1)
    assert not flow.done.ok
    assert isinstance(flow.done.value, Unreachable)
    assert not flows.active


def test_a_cancelled_transfer_leaves_its_share_to_the_others() -> None:
    env = simpy.Environment()
    flows, channel = Flows(env), Channel("c", 8_000)
    stays = flows.start("a", lambda: (channel,), 1_000)
    goes = flows.start("b", lambda: (channel,), 1_000)
    env.run(until=SECOND)
    flows.cancel(goes)
    env.run(until=stays.done)
    assert env.now == SECOND + SECOND // 2


@pytest.mark.parametrize("nbytes", [0, -1])
def test_nothing_to_move_takes_no_time(nbytes: int) -> None:
    flows = Flows(simpy.Environment())
    assert flows.start("f", lambda: (Channel("c", 1),), nbytes).done.triggered
