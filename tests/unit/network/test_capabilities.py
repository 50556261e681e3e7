"""The support matrices: totals as counted from the sources, look-ups with reasons, and the text tables."""

from __future__ import annotations

import pytest

from lab import capabilities
from lab.config import Config, for_era
from lab.services.network.ml2 import MechanismManager, TypeManager


def test_the_totals_are_those_of_the_sources() -> None:
    today = capabilities.matrix("compute", 2026)
    assert (len(today.drivers), len(today.features)) == (11, 59)
    wanted = {"libvirt-kvm-x86": 52, "libvirt-qemu-x86": 50, "libvirt-lxc": 16, "vmware": 23, "ironic": 15, "zvm": 13}
    assert {driver: today.complete(driver) for driver in wanted} == wanted
    assert [f.status for f in today.features].count("mandatory") == 4
    volumes = capabilities.matrix("volume", 2026)
    assert [f.marks.count("Y") for f in volumes.features] == [67, 66, 32, 33, 31, 50, 22, 42, 32, 13]
    before = capabilities.matrix("volume", 2018)
    assert [f.marks.count("Y") for f in before.features] == [59, 58, 17, 25, 29, 25, 37, 18, 31, 21, 6]


def test_every_row_has_a_mark_for_every_driver() -> None:
    for kind in capabilities.KINDS:
        for era in capabilities.ERAS:
            table = capabilities.matrix(kind, era)
            assert table.source
            for feature in table.features:
                assert len(feature.marks) == len(table.drivers)
                assert set(feature.marks) <= set("YP-?")
            for place in table.notes:
                key, _, driver = place.rpartition("/")
                assert table.feature(key) is not None
                assert driver in table.drivers


@pytest.mark.parametrize(
    ("era", "driver", "kind", "ok"),
    [
        (2026, "openvswitch", "vxlan", True),
        (2026, "ovn", "vxlan", True),
        (2026, "ovn", "gre", False),
        (2026, "sriovnicswitch", "vlan", True),
        (2026, "sriovnicswitch", "vxlan", False),
        (2026, "macvtap", "geneve", False),
        (2026, "l2population", "vlan", False),
        (2026, "linuxbridge", "vlan", False),
        (2018, "linuxbridge", "vxlan", True),
        (2018, "linuxbridge", "gre", False),
        (2018, "ovn", "vlan", False),
        (2026, "openvswitch", "token ring", False),
    ],
)
def test_the_ml2_matrix(era: int, driver: str, kind: str, ok: bool) -> None:
    support = capabilities.supports("network", era, driver, kind)
    assert support.ok is ok
    assert support.reason


def test_reasons_name_the_thing_and_what_there_is_instead() -> None:
    reason = capabilities.supports("network", 2026, "sriovnicswitch", "vxlan").reason
    assert reason.startswith("SR-IOV does not carry VXLAN networks: ")
    assert "it has flat, vlan" in reason
    assert "config-ml2.rst" in reason
    assert "it lists openvswitch, ovn" in capabilities.supports("network", 2026, "linuxbridge", "vlan").reason
    reason = capabilities.supports("compute", 2026, "libvirt-lxc", "operation.snapshot").reason
    assert reason.startswith("Libvirt LXC: Save snapshot of instance disk is missing (nova master")
    with pytest.raises(KeyError, match="known are compute, volume, network in 2018, 2026"):
        capabilities.matrix("object", 2026)


@pytest.mark.parametrize("era", capabilities.ERAS)
def test_the_tables_show_every_driver_and_feature(era: int) -> None:
    text = capabilities.render(era)
    for kind in capabilities.KINDS:
        table = capabilities.matrix(kind, era)
        for title in (*table.drivers.values(), *(feature.title for feature in table.features)):
            assert title in text
    assert ("Linux bridge" in text) is (era == 2018)
    assert "Y complete  P partial  - missing  ? unknown" in text
    assert capabilities.render(era, ["network"]) in text or len(capabilities.render(era, ["network"])) < len(text)


def test_an_unfit_configuration_is_refused_with_the_reason() -> None:
    assert [d.name for d in MechanismManager(for_era("2018")).drivers] == ["linuxbridge"]
    with pytest.raises(ValueError, match="linuxbridge carries none of the network types: linuxbridge is not in the"):
        MechanismManager(Config(mechanism_drivers=("linuxbridge",)))
    with pytest.raises(ValueError, match="SR-IOV does not carry VXLAN"):
        MechanismManager(Config(mechanism_drivers=("sriovnicswitch",), type_drivers=("vxlan",)))
    with pytest.raises(ValueError, match="l2population binds no port"):
        MechanismManager(Config(mechanism_drivers=("l2population",)))
    with pytest.raises(ValueError, match="unknown mechanism driver hyperv; known: openvswitch"):
        MechanismManager(Config(mechanism_drivers=("hyperv",)))
    with pytest.raises(ValueError, match="unknown network type 'atm'; known: flat, vlan, vxlan"):
        TypeManager(Config(type_drivers=("atm",)))
