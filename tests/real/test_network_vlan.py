"""VLANs on Linux bridges, on a kernel that has them."""

from __future__ import annotations

import sys

import pytest

from tests.real.bed import debian_vm

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

MODULES = ("8021q", "bridge", "br_netfilter", "veth", "vxlan", "nf_conntrack", "xt_physdev", "xt_CT", "xt_conntrack", "nft_compat")


def test_linux_bridges_keep_their_promises_with_vlans() -> None:
    debian_vm.need()
    # Some of the promises: an emulated processor takes minutes for all of them.
    chosen = "TestLinuxBridgeVlan and (unwire or reach or apart)"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-k", chosen, "--timeout=300", "tests/contracts/test_l2.py"]
    code, text = debian_vm.run_in_vm(command, MODULES, 800)
    assert code == 0, text[-6000:]
    assert " passed" in text
    assert " skipped" not in text
