"""The doctor names what is missing and the one command that installs it, and changes nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drivers import machine
from drivers.findings import Finding
from lab.cli import checkup, doctor
from lab.cli.checkup import Group
from lab.cli.main import main

linux = pytest.mark.skipif(platform.system() != "Linux", reason="there are no real drivers on this system")


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as left:
        main(["doctor", *arguments])
    assert left.value.code == code
    return capsys.readouterr().out


def missing(*remedies: str) -> list[Finding]:
    return [Finding(f"thing {n}", False, "not there", remedy) for n, remedy in enumerate(remedies)]


def test_missing_packages_make_one_command() -> None:
    found = [
        *missing("sudo apt-get install -y qemu-utils   # Fedora: sudo dnf install -y qemu-img", "apt-get install dnsmasq-base"),
        *missing("", "sudo -E glasscloud"),
        *missing("sudo apt-get install -y libvirt-daemon-system libvirt-clients && apt-get install -y qemu-system-x86 qemu-utils"),
        Finding("nft", True, "", "sudo apt-get install -y nftables"),
    ]
    packages = "dnsmasq-base libvirt-clients libvirt-daemon-system qemu-system-x86 qemu-utils"
    assert checkup.install(found, fedora=False) == [f"sudo apt-get install -y {packages}"]
    assert checkup.install([], fedora=False) == []


def test_what_is_installed_and_does_not_run_is_started() -> None:
    found = missing("sudo systemctl start libvirtd", "sudo apt-get install -y nftables", "sudo systemctl start libvirtd")
    assert checkup.install(found, fedora=False) == ["sudo apt-get install -y nftables", "sudo systemctl start libvirtd"]


@linux
def test_every_finding_is_told_in_korean(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no path, version or name has its Korean, whether the thing is there or not."""
    monkeypatch.setenv("COLUMNS", "400")
    sentence = re.compile(r"[a-z]+ [a-z]+ [a-z]+")
    for _ in range(2):
        lines = [line for line in told(capsys, "--lang", "ko").partition("\n\n")[0].splitlines() if "있음" in line or "없음" in line]
        assert len(lines) > 30
        assert [line for line in lines if sentence.search(line) and not re.search("[가-힣]", line.split("음", 1)[1])] == []
        monkeypatch.setattr(shutil, "which", lambda *a, **k: None)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in machine.MODULES else True)


def test_fedora_has_other_names() -> None:
    found = missing("sudo apt-get install -y qemu-utils dnsmasq-base", "apt-get install nftables")
    assert checkup.install(found, fedora=True) == ["sudo dnf install -y dnsmasq nftables qemu-img"]
    assert checkup.worded(found[0].remedy, fedora=True) == "sudo dnf install -y qemu-img dnsmasq"
    assert checkup.worded("sudo apt-get install -y qemu-utils   # Fedora: dnf", fedora=False) == "sudo apt-get install -y qemu-utils"


def test_python_packages_come_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = machine.packages()
    assert not any(each.ok for each in found)
    assert checkup.install(found, fedora=False) == [
        "sudo apt-get install -y gcc libvirt-dev pkg-config python3-dev",
        "pip install 'glasscloud[real]'",
    ]


def test_the_simulated_world_is_good_here(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(told(capsys, "--json"))
    assert {each["what"] for each in document["findings"] if each["group"] == "simulated" and not each["ok"]} == set()
    assert set(document["findings"][0]) == {"group", "what", "ok", "detail", "remedy"}


@linux
def test_every_matter_of_a_real_cloud_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, "--json"))["findings"]
    assert {each["group"] for each in found} == set(doctor.GROUPS)
    named = {each["what"] for each in found}
    assert {"root", "CAP_NET_ADMIN", "/dev/kvm", "QEMU", "VLAN devices (802.1Q)", "VXLAN", "nftables"} <= named
    assert {"dnsmasq", "libnfs", "RabbitMQ"} <= named


@linux
def test_looking_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    made = [Path("/sys/class/net") / name for name in ("a0", "a1", "b0", "v0", "x0")] + [Path("/var/lib/glasscloud")]
    listed = Path("/proc/modules")

    def state() -> tuple[list[Path], list[str]]:
        modules = [line.split()[0] for line in listed.read_text().splitlines()] if listed.exists() else []
        return [path for path in made if path.exists()], modules

    before = state()
    told(capsys)
    assert state() == before


def test_another_system_is_pointed_to_the_simulated_world(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(doctor, "linux", lambda config: pytest.fail("real drivers were asked"))
    assert "Darwin: the simulated world has everything and runs here." in told(capsys, "--lang", "en")
    assert "Darwin: 시뮬레이션 세계는" in told(capsys, "--lang", "ko")


def test_a_broken_simulated_world_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(checkup, "simulated", lambda: Group("simulated", tuple(missing("pip install glasscloud"))))
    monkeypatch.setattr(doctor, "linux", lambda config: [])
    assert "pip install 'glasscloud'" in told(capsys, "--lang", "en", code=1)


def test_the_words_are_in_both_languages() -> None:
    for words in (doctor.GROUPS, doctor.WORDS):
        assert all(set(each) == {"en", "ko"} for each in words.values())


@linux
def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = {each.what: each for each in [*machine.rights(), *machine.kernel()]}
    assert found["root"].detail == "user 1000: no guests, taps or namespaces"
    assert found["root"].remedy == "sudo -E glasscloud doctor"
    assert "root is needed to try it" in found["bridge VLAN filtering"].detail


def test_a_module_that_is_there_is_not_loaded_to_try_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / platform.release()
    folder.mkdir()
    (folder / "modules.dep").write_text("kernel/net/8021q/8021q.ko.xz: kernel/net/802/garp.ko.xz\nkernel/drivers/net/veth.ko:\n")
    (folder / "modules.builtin").write_text("kernel/net/netfilter/nf-tables.ko\n")
    monkeypatch.setattr(machine, "MODULE_FOLDER", tmp_path)
    assert machine.known_modules() == {"8021q": "module", "veth": "module", "nf_tables": "built in"}
    monkeypatch.setattr(machine, "can_try", lambda: True)
    tried: list[str] = []
    monkeypatch.setattr(machine, "tried", lambda order: tried.append(order) or "no")  # type: ignore[func-returns-value]
    found = {each.what: each.ok for each in machine.kernel()}
    assert (found["VLAN devices (802.1Q)"], found["veth"], found["nftables"], found["VXLAN"]) == (True, True, True, False)
    assert tried == [machine.KERNEL[what].order for what in ("Linux bridge", "bridge VLAN filtering", "VXLAN", "connection tracking")]


@linux
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root can try in a namespace")
def test_what_is_tried_is_tried_for_real() -> None:
    assert machine.tried("ip link add name probe0 type veth") == ""
    assert machine.tried("ip link add name probe0 type nosuchthing") != ""
    assert "probe0" not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout


def test_a_driver_that_hangs_or_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from drivers import registry
    from drivers.site import site

    class Hanging:
        Options = Finding

        @classmethod
        async def probe(cls, place: Any, options: Any) -> list[Finding]:
            await asyncio.sleep(60)
            return []

    monkeypatch.setattr(checkup, "PROBE_S", 0.01)
    monkeypatch.setattr(registry, "driver_class", lambda port, name: Hanging)
    place = site({}).place(site({}).host)
    options = {"what": "", "ok": True, "detail": ""}
    (silent,) = asyncio.run(checkup._probe("volume", "tape", options, place))
    assert (silent.what, silent.ok, silent.detail) == ("driver tape", False, "did not answer within 0.01 s")
    monkeypatch.undo()
    found = asyncio.run(checkup._probe("volume", "tape", {}, place))
    assert "there is no volume driver 'tape'; known: directory, nfs" in found[0].detail


@linux
def test_a_configuration_has_its_own_drivers_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text('[volume]\ndriver = "nfs"\nexport = "127.0.0.1:/nowhere"\ntimeout_s = 0.5\n')
    found = {each["what"]: each for each in json.loads(told(capsys, "--json", "--config", str(path)))["findings"]}
    assert "the NAS 127.0.0.1 cannot be reached on port 2049" in found["NAS"]["detail"]
    assert "volume files" not in found
