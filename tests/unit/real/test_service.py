"""`glasscloud service` says what cannot run, where, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.site import Site, site
from lab.cli.program import agents, check, choose, netlink
from lab.errors import LabError
from lab.parts import AGENTS, parts
from tests.unit.real.towns import TWO_HOSTS, Town


def here(host: str = "controller-1", **tables: Any) -> Site:
    return site({**TWO_HOSTS, **tables}, "cloud.toml", host)


def chosen(names: list[str], host: str) -> list[str]:
    where = here(host)
    everything = list(parts(where.settings, Town(where)))
    return [f"{part.binary}@{part.host}" for part in choose(where, everything, names)]


def test_the_roles_of_a_host_say_what_may_run_there() -> None:
    assert chosen(["all"], "compute-1") == ["neutron-l2-agent@compute-1", "nova-compute@compute-1"]
    assert "nova-conductor@controller-1" in chosen(["all"], "controller-1")
    assert chosen(["neutron-l2-agent"], "controller-1") == ["neutron-l2-agent@controller-1"]


def test_all_of_a_host_need_what_its_processes_need() -> None:
    assert not agents(here("controller-1"), ["all"])
    assert agents(here("compute-1"), ["all"])
    assert {name.partition("@")[0] for name in chosen(["all"], "compute-1")} <= set(AGENTS)
    assert agents(here("compute-1"), ["nova-compute"])
    assert not agents(here("controller-1"), ["neutron-l2-agent", "glance"])


def test_who_looks_at_devices_runs_on_a_loop_that_knows_netlink() -> None:
    assert all(netlink([name]) for name in ("all", "neutron-l2-agent", "neutron-dhcp-agent"))
    assert not netlink(["neutron-api", "nova-compute", "edge"])


@pytest.mark.parametrize(
    ("names", "host", "words"),
    [
        (["nova-compute", "nova-sheduler"], "compute-1", "there is no process 'nova-sheduler'; known: keystone, glance"),
        (["keystone"], "compute-1", "keystone does not run on compute-1 but on controller-1, by the roles in cloud.toml"),
    ],
)
def test_a_process_that_is_not_known_or_not_here(names: list[str], host: str, words: str) -> None:
    with pytest.raises(LabError) as caught:
        chosen(names, host)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, "cloud.toml has no [messaging] url"),
        ({"messaging": {"url": "amqp://127.0.0.1/"}}, "cloud.toml has no [cloud] service_password"),
        (
            {"messaging": {"url": "amqp://127.0.0.1/"}, "cloud": {"service_password": "word"}},
            "cloud.toml has no [database] url: all but agents share a database",
        ),
    ],
)
def test_what_programs_of_one_cloud_must_share(tables: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GLASSCLOUD_MESSAGING_URL", "GLASSCLOUD_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LabError) as caught:
        check(here(**tables), agents=False)
    assert words in str(caught.value)


def test_a_wrong_endpoint_is_named() -> None:
    with pytest.raises(LabError, match=r"\[endpoints\] of cloud.toml names 'computer'; known: identity, image"):
        here(endpoints={"computer": "http://127.0.0.1:1"}).urls()


def test_services_hear_each_other_at_usual_ports_unless_told_otherwise() -> None:
    urls = here(endpoints={"image": "http://10.0.0.9:9292/"}).urls()
    assert urls["compute"] == "http://10.0.0.1:18774/compute"
    assert urls["image"] == "http://10.0.0.9:9292/image"
