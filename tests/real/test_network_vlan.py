"""VLANs on Linux bridges, on a kernel that has them."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.record import BUILT
from tests.real.bed import debian_vm

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1500)]

Brought = Callable[[dict[str, Any]], None]
CONTRACT, WRITTEN = "tests/contracts/test_l2.py", "RECORD-OF-PROMISES"
MODULES = ("tun", "8021q", "bridge", "br_netfilter", "veth", "vxlan", "nf_conntrack", "xt_physdev", "xt_CT", "xt_conntrack", "nft_compat")


def test_linux_bridges_keep_their_promises_with_vlans(brought: Brought, pytestconfig: pytest.Config) -> None:
    debian_vm.need()
    # An emulated processor takes minutes for all of them; that is for the record only.
    chosen = "TestLinuxBridgeVlan" if pytestconfig.getoption("--keep-contracts") else "TestLinuxBridgeVlan and (unwire or reach or apart)"
    plugins = ("-p", "pytest_timeout", "-p", "no:cacheprovider")
    asked = [sys.executable, "-m", "pytest", *plugins, "-q", "--timeout=300", "-k", chosen, CONTRACT]
    script = f"export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1; rm -f {BUILT}; {shlex.join(asked)}; ended=$?; "
    script += f"echo {WRITTEN}; cat {BUILT}; echo {WRITTEN}; exit $ended"
    code, text = debian_vm.run_in_vm(["sh", "-c", script], MODULES, 1400)
    assert code == 0, text[-6000:]
    [record] = json.loads(text.split(WRITTEN)[1])
    assert {row["outcome"] for row in record["promises"]} == {"passed"}
    brought(record)
