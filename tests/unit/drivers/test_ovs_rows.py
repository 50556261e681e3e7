"""What the bridges of Open vSwitch do when the switch does not take one; a switch that works is asked in tests/contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.network import ovs_rows
from drivers.network.ovs_rows import Bridges
from drivers.site import site
from lab.errors import DriverError, DriverTimeout, NetworkError

NAME = "br-int-lab"


class Switch:
    """A database with one bridge, and a daemon that takes no bridge with the kernel's datapath."""

    def __init__(self, datapath_type: str) -> None:
        bridge = {"name": NAME, "external_ids": {"glasscloud": "lab"}, "datapath_type": datapath_type}
        self.rows = {"Bridge": {"b": bridge}, "Interface": {"i": {"name": NAME, "error": None}}}

    def named(self, table: str, name: str) -> tuple[str, dict[str, Any]]:
        return next((uuid, row) for uuid, row in self.rows[table].items() if row["name"] == name)

    async def transact(self, operations: list[dict[str, Any]]) -> None:
        for operation in operations:
            assert (operation["op"], operation["table"]) == ("update", "Bridge")
            self.rows["Bridge"]["b"].update(operation["row"])

    async def until(self, true: Callable[[], bool], what: str) -> None:
        if self.rows["Bridge"]["b"]["datapath_type"] == "netdev":
            self.rows["Interface"]["i"]["ofport"] = 0xFFFE
        if not true():
            raise DriverTimeout(f"took more than 10 s {what}")


def ensured(had: str, wanted: str) -> Switch:
    here = site({})
    switch = Switch(had)
    bridges = Bridges(switch, here.place(here.host), wanted)  # type: ignore[arg-type]
    asyncio.run(bridges.ensure_bridge(NAME, "integration", "secure"))
    return switch


def test_a_bridge_that_was_configured_otherwise_is_made_anew() -> None:
    assert ensured("system", "netdev").rows["Bridge"]["b"]["datapath_type"] == "netdev"


@pytest.mark.parametrize(("modules", "error", "words"), [
    ({}, NetworkError, 'this kernel has no module openvswitch: put datapath_type = "netdev" into [network]'),
    ({"openvswitch": "module"}, DriverTimeout, "took more than 10 s to take br-int-lab"),
])  # fmt: skip
def test_a_kernel_without_open_vswitch_is_named(
    modules: dict[str, str], error: type[DriverError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ovs_rows, "LOADED", Path("/nowhere"))
    monkeypatch.setattr(ovs_rows, "known_modules", lambda: modules)
    with pytest.raises(error) as caught:
        ensured("system", "system")
    assert words in caught.value.message
