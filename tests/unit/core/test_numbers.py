"""Numbers that clients write: one that nobody can have is a refusal, never an error of ours or a silence."""

from __future__ import annotations

import pytest

import lab
from lab.client.session import ApiError
from lab.rest.numbers import DIGITS_MAX, number
from lab.rest.ranges import byte_range

LONG = "9" * 5000
"""Longer than Python reads (sys.get_int_max_str_digits)."""

REFUSED = (
    ("identity", "GET", f"/v3/users?limit={LONG}", {}, 400),
    ("image", "GET", f"/v2/images?limit={LONG}", {}, 400),
    ("compute", "GET", f"/v2.1/os-aggregates/{LONG}", {}, 400),
    ("compute", "GET", "/v2.1/os-aggregates/--5", {}, 400),
    ("compute", "GET", "/v2.1/os-aggregates/-5", {}, 404),
    ("compute", "GET", "/v2.1/servers", {"openstack-api-version": f"compute 2.{LONG}"}, 400),
    ("placement", "GET", "/resource_providers", {"openstack-api-version": f"placement {LONG}.1"}, 400),
)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("007", 7), ("9" * DIGITS_MAX, 10**DIGITS_MAX - 1)])
def test_plain_digits_are_a_number(text: str, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1_0", "x", "²", "\uff15", "9" * (DIGITS_MAX + 1), LONG])
def test_everything_else_is_none(text: str) -> None:
    assert number(text) is None


def test_a_range_that_no_file_has_is_passed_over() -> None:
    assert byte_range(f"bytes=0-{LONG}", 10) is None


def test_services_refuse_numbers_that_nobody_can_have() -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(seed=1) as cloud:
            image = await cloud.image.images.create("cirros")
            sparse = ("image", "PUT", f"/v2/images/{image.id}/file", {"x-glasscloud-sparse-size": LONG}, 400)
            for service, method, target, headers, status in (*REFUSED, sparse):
                with pytest.raises(ApiError) as refusal:
                    await cloud.session.send(service, method, target, headers=headers)
                assert refusal.value.status == status, target[:60]

    lab.run(main, seed=1)
