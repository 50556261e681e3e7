"""The decision of cinder-scheduler, and the table of statuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.services.volume.filters import Backend, Wanted, choose, satisfies
from lab.services.volume.model import (
    GONE,
    SNAPSHOT_MOVES,
    VOLUME_MOVES,
    VolumeAttachment,
    check_move,
    service_host,
    status_from_attachments,
)
from lab.services.volume.rpc import backend_topic


def backend(name: str, free: float = 50.0, *, thin: bool = False, provisioned: float = 0.0, zone: str = "nova") -> Backend:
    return Backend(f"{name}@nas#pool", zone, 100.0, free, provisioned, thin, 2.0, 10, {"tier": "gold", "speed": "7"})


def test_most_free_room_wins_and_ties_go_by_name() -> None:
    choice = choose([backend("b"), backend("a"), backend("c", 60)], Wanted(1))
    assert [host for host, _, _ in choice.ranked] == ["c@nas#pool", "a@nas#pool", "b@nas#pool"]
    assert [weight for _, _, weight in choice.ranked] == [1.0, 0.0, 0.0]


def test_each_filter_says_why() -> None:
    small, far, thin = backend("small", 10), backend("far", zone="moon"), backend("thin", thin=True, provisioned=199.5)
    choice = choose([small, far, thin], Wanted(5, availability_zone="nova"))
    assert choice.ranked == ()
    names = [(name, left) for name, left, _ in choice.steps]
    assert names == [("AvailabilityZoneFilter", 2), ("CapacityFilter", 0), ("CapabilitiesFilter", 0)]
    reasons = dict(choice.steps[1][2])
    assert reasons["small@nas#pool"] == "insufficient free space: 0 GB are free, 5 GB are asked for"
    assert "would exceed the maximum over subscription ratio 2.00" in reasons["thin@nas#pool"]


def test_thin_pools_promise_more_than_they_have() -> None:
    assert choose([backend("t", 50, thin=True)], Wanted(79)).ranked  # (50 - 10 reserved) * 2
    assert not choose([backend("t", 50, thin=True)], Wanted(81)).ranked


@pytest.mark.parametrize(
    ("value", "asked", "met"),
    [
        (True, "<is> True", True),
        (False, "<is> True", False),
        ("gold-1", "<in> gold", True),
        ("b", "<or> a <or> b", True),
        ("c", "<or> a <or> b", False),
        ("7", ">= 5", True),
        ("7", "= 8", False),
        ("7", "< 7", False),
        ("x", ">= 5", False),
        ("abc", "s== abc", True),
        ("abc", "s< abb", False),
        (["a", "b"], "<all-in> a b", True),
        ("nas", "nas", True),
        ("nas", "", False),
    ],
)
def test_operators_of_extra_specs(value: object, asked: str, met: bool) -> None:
    assert satisfies(value, asked) is met


def test_only_scheduler_scopes_count() -> None:
    specs = (("capabilities:tier", "gold"), ("driver:secret", "x"), ("speed", "> 5"))
    assert choose([backend("a")], Wanted(1, extra_specs=specs)).ranked
    assert not choose([backend("a")], Wanted(1, extra_specs=(("tier", "lead"),))).ranked


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=6), st.integers(1, 60))
def test_the_winner_is_the_one_a_plain_search_finds(pools: list[tuple[int, bool]], size: int) -> None:
    backends = [backend(f"h{i}", float(free), thin=thin) for i, (free, thin) in enumerate(pools)]
    fits = [b for b in backends if (free := int(b.free_gib) - 10) * (2 if b.thin else 1) >= size and (b.thin or free >= size)]
    choice = choose(backends, Wanted(size))
    assert sorted(host for host, _, _ in choice.ranked) == sorted(b.host for b in fits)
    if fits:
        assert choice.ranked[0][1] == max(b.virtual_free_gib for b in fits)


def test_every_status_can_end() -> None:
    for moves in (VOLUME_MOVES, SNAPSHOT_MOVES):
        for status, targets in moves.items():
            assert {*targets} <= {*moves, GONE}, status
            reached, todo = {status}, [status]
            while todo:
                for target in moves.get(todo.pop(), ()):
                    if target not in reached:
                        reached.add(target)
                        todo.append(target)
            assert GONE in reached, status


def test_moves_outside_the_table_are_refused() -> None:
    check_move(VOLUME_MOVES, "creating", "available")
    with pytest.raises(Exception, match="that is deleting cannot become available"):
        check_move(VOLUME_MOVES, "deleting", "available")


def test_the_strongest_attachment_decides() -> None:
    def attachment(status: str) -> VolumeAttachment:
        return VolumeAttachment.make(id=status, volume_id="v", project_id="p", created_at="", attach_status=status)

    assert status_from_attachments([]) == ("available", "detached")
    assert status_from_attachments([attachment("reserved"), attachment("attached")]) == ("in-use", "attached")
    assert status_from_attachments([attachment("reserved"), attachment("attaching")]) == ("attaching", "detached")
    assert status_from_attachments([attachment("error_attaching")]) == ("reserved", "detached")


def test_topics_are_real_cinders() -> None:
    assert service_host("nas-1@nas#pool") == "nas-1@nas"
    assert backend_topic("nas-1@nas#pool") == "cinder-volume.nas-1@nas.nas-1"
