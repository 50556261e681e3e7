"""Flows as messages: the same bytes as ovs-ofctl 3.1 sends for the same lines, by a capture of its `--bundle add-flows`."""

from __future__ import annotations

import pytest

from drivers.network import openflow
from lab.errors import NetworkError

BUNDLE = 3
SENT = {
    "delete cookie=0x6f1c2d3e00004000/-1":
        "6f1c2d3e00004000ffffffffffffffffff03000000008000ffffffffffffffffffffffff000000000001000400000000",
    "add cookie=0x1,table=11,priority=90,ct_state=+trk+est+rpl-inv,actions=resubmit(,60)":
        "000000000000000100000000000000000b0000000000005affffffffffffffffffffffff00000000000100100001d3080000002a0000003a00040018"
        "00000000ffff001000002320000efff83c000000",
    "add cookie=0x1,table=80,priority=80,ip,ct_state=-trk,actions=ct(table=81,zone=NXM_NX_REG6[0..15])":
        "000000000000000100000000000000005000000000000050ffffffffffffffffffffffff000000000001001680000a0208000001d308000000000000"
        "002000000004002000000000ffff0018000023200023000000010c04000f510000000000",
    "add cookie=0x2,table=10,priority=90,in_port=7,dl_src=fa:16:3e:00:01:02,udp,nw_src=10.0.0.5,tp_src=68,tp_dst=67,actions=resubmit(,60)":
        "000000000000000200000000000000000a0000000000005affffffffffffffffffffffff0000000000010035800000040000000780000806fa163e00"
        "010280000a020800800016040a000005800014011180001e0200448000200200430000000004001800000000ffff001000002320000efff83c000000",
    "add cookie=0x2,table=10,priority=90,in_port=7,dl_src=fa:16:3e:00:01:02,arp,arp_spa=0.0.0.0,arp_sha=fa:16:3e:00:01:02,"
    "actions=resubmit(,60)":
        "000000000000000200000000000000000a0000000000005affffffffffffffffffffffff000000000001002e800000040000000780000806fa163e00"
        "010280000a02080680002c040000000080003006fa163e00010200000004001800000000ffff001000002320000efff83c000000",
    "add cookie=0x2,table=10,priority=90,in_port=7,dl_src=fa:16:3e:00:01:02,icmp6,icmp_type=136,nd_target=fd00::5,actions=drop":
        "000000000000000200000000000000000a0000000000005affffffffffffffffffffffff000000000001003a800000040000000780000806fa163e00"
        "010280000a0286dd800014013a80003a018880003e10fd000000000000000000000000000005000000000000",
    "add cookie=0x2,table=11,priority=50,in_port=7,ipv6,ipv6_dst=fd00::/64,actions=ct(commit,zone=NXM_NX_REG6[0..15]),resubmit(,60)":
        "000000000000000200000000000000000b00000000000032ffffffffffffffffffffffff0000000000010036800000040000000780000a0286dd8000"
        "3720fd000000000000000000000000000000ffffffffffffffff000000000000000000000004003000000000ffff0018000023200023000100010c04"
        "000fff0000000000ffff001000002320000efff83c000000",
    "add cookie=0x2,table=81,priority=50,reg5=7,tcp,nw_src=10.1.0.0/16,tp_dst=0x64/0xfffc,"
    "actions=ct(commit,zone=NXM_NX_REG6[0..15]),output:NXM_NX_REG5[]":
        "000000000000000200000000000000005100000000000032ffffffffffffffffffffffff000000000001002b80000a020800800017080a010000ffff"
        "0000800014010680001d040064fffc00010a040000000700000000000004003800000000ffff0018000023200023000100010c04000fff0000000000"
        "ffff001800002320000f001f00010a04ffff000000000000",
    "add cookie=0x2,table=81,priority=50,reg5=7,udp,nw_src=0.0.0.0/0,tp_dst=53,actions=drop":
        "000000000000000200000000000000005100000000000032ffffffffffffffffffffffff000000000001001d80000a02080080001401118000200200"
        "3500010a0400000007000000",
    "add cookie=0x2,table=81,priority=50,reg5=7,icmp,icmp_type=8,icmp_code=0,actions=drop":
        "000000000000000200000000000000005100000000000032ffffffffffffffffffffffff000000000001002180000a02080080001401018000260108"
        "800028010000010a040000000700000000000000",
    "add cookie=0x2,table=81,priority=50,reg5=7,ip,nw_proto=112,actions=drop":
        "000000000000000200000000000000005100000000000032ffffffffffffffffffffffff000000000001001780000a020800800014017000010a0400"
        "00000700",
    "add cookie=0x3,table=60,priority=100,reg6=3,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,"
    "actions=output:8,output:9,load:7->NXM_NX_REG5[],resubmit(,80)":
        "000000000000000300000000000000003c00000000000064ffffffffffffffffffffffff000000000001001c8000070c010000000000010000000000"
        "00010c04000000030000000000040050000000000000001000000008000000000000000000000010000000090000000000000000ffff001800002320"
        "0007001f00010a040000000000000007ffff001000002320000efff850000000",
}  # fmt: skip
"""Each line, and the flow that it becomes."""


@pytest.mark.parametrize("line", SENT)
def test_a_line_becomes_what_ovs_ofctl_sends(line: str) -> None:
    sent = openflow.bundled(BUNDLE, line, 7)
    _, kind, length, number = openflow.HEAD.unpack_from(sent)
    assert (kind, length, number) == (openflow.BUNDLE_ADD, len(sent), 7)
    assert sent[8:16].hex() == "0000000300000003"
    assert openflow.HEAD.unpack_from(sent, 16) == (5, openflow.FLOW_MOD, len(sent) - 16, 7)
    assert sent[24:].hex() == SENT[line]


STRANGE = ["add cookie=1,table=0,priority=1,vlan_tci=5,actions=drop", "add cookie=1,table=0,priority=1,actions=flood"]


@pytest.mark.parametrize("line", STRANGE)
def test_what_is_not_known_is_refused_by_name(line: str) -> None:
    with pytest.raises(NetworkError, match=r"vlan_tci|flood"):
        openflow.bundled(BUNDLE, line, 7)
