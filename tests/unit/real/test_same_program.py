"""One program runs unchanged on a simulated cloud, on a real one and over HTTP: same states, faults and message spines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from drivers.site import site
from lab.cloud import Cloud
from lab.journal import Entry
from tests.paper import DRIVERS
from tests.real.sameness import ONE_HOST, Seen, assert_same, real, simulated, watch
from tests.watching.serving import serving

IMAGE = b"the bytes of an image"


def connected() -> Seen:
    async def main() -> Seen:
        async with (
            serving(paused=False, datacenter=ONE_HOST) as here,
            Cloud.connect(str(here.http.base_url), password=here.cloud.config.admin_password) as cloud,
        ):

            async def read(since: int) -> Iterable[Entry]:
                return here.journal.since(since)

            return await watch(cloud, IMAGE, read)

    return asyncio.run(main())


@pytest.mark.slow  # the real one takes its real time
def test_it_sees_and_causes_the_same_everywhere(tmp_path: Path) -> None:
    first = simulated(IMAGE)
    on_paper = site({"cloud": {"state": str(tmp_path)}, "settings": {"password_cost": 4}, **DRIVERS})
    assert_same(first, real(on_paper, IMAGE))
    assert_same(first, connected())
