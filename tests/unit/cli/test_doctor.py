"""The doctor names what is missing and the one command that installs it."""

from __future__ import annotations

import json

import pytest

from lab.cli import doctor
from lab.cli.main import main


def test_missing_packages_make_one_command() -> None:
    findings = [
        doctor.Finding("real", "QEMU", False, "", "qemu-system-x86"),
        doctor.Finding("real", "DHCP", False, "", "dnsmasq-base"),
        doctor.Finding("real", "nft", True, "", "nftables"),
        doctor.Finding("real", "KVM", False, "no /dev/kvm"),
    ]
    assert doctor.commands(findings) == ["sudo apt-get install -y dnsmasq-base qemu-system-x86"]
    assert doctor.commands([]) == []


def test_python_packages_come_with_the_extra() -> None:
    ways = doctor.commands([doctor.Finding("real", "libvirt", False, "", "pip:real")])
    assert ways[0].endswith("pip install 'glasscloud[real]'")


def test_the_simulated_world_is_good_here(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["doctor", "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert {f["what"] for f in told["findings"] if f["world"] == "simulated" and not f["present"]} == set()


def test_another_system_is_pointed_to_the_simulated_world(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor.platform, "system", lambda: "Darwin")
    with pytest.raises(SystemExit) as left:
        main(["doctor"])
    assert left.value.code == 0
    assert "Darwin: the simulated world has everything" in capsys.readouterr().out
