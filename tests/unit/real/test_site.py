"""The configuration of a real cloud: what it gives, and what it says of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.site import load, site
from lab.errors import LabError


def test_without_any_table_all_runs_on_this_machine() -> None:
    here = site({})
    assert here.having("compute") == here.having("controller") == [here.host]
    assert here.settings.admin_password != here.settings.service_password != "glasscloud"


def test_hosts_settings_and_places(tmp_path: Path) -> None:
    (tmp_path / "cloud.toml").write_text("""
        [cloud]
        id = "class"
        host = "compute-1"
        state = "/srv/cloud"
        [hosts.controller-1]
        address = "10.0.0.1"
        roles = ["controller", "network", "storage"]
        [hosts.compute-1]
        address = "10.0.0.2"
        roles = ["compute"]
        [settings]
        era = "2018"
        max_attempts = 1
        enabled_filters = ["ComputeFilter"]
        [volume]
        driver = "directory"
        path = "/srv/volumes"
    """)
    here = load(tmp_path / "cloud.toml")
    assert (here.settings.era, here.settings.max_attempts, here.settings.enabled_filters) == ("2018", 1, ("ComputeFilter",))
    place = here.place("compute-1")
    assert (place.cloud, place.address, place.state) == ("class", "10.0.0.2", Path("/srv/cloud/class/compute-1"))
    assert here.drivers["volume"] == {"driver": "directory", "path": "/srv/volumes"}


def test_secrets_come_from_files_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "word").write_text("from a file\n")
    monkeypatch.setenv("GLASSCLOUD_MESSAGING_URL", "amqp://guest@127.0.0.1/")
    here = site({"cloud": {"admin_password_file": str(tmp_path / "word")}})
    assert here.settings.admin_password == "from a file"
    assert here.messaging.url == "amqp://guest@127.0.0.1/"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"clod": {}}, "no table [clod]; known: cloud, hosts"),
        ({"cloud": {"idd": "x"}}, "[cloud] of the configuration has no option idd; known: id, url"),
        ({"cloud": {"id": "Not Good"}}, "'Not Good' is no id for a cloud"),
        ({"cloud": {"url": 5}}, "[cloud] of the configuration: url is 5; give str"),
        ({"hosts": {"a": {"roles": ["controler"]}}}, "[hosts.a] of the configuration: there is no role 'controler'; known: controller"),
        ({"hosts": {"a": {"roles": ["compute"]}}}, "needs one host with the role controller; it has none"),
        ({"cloud": {"host": "b"}, "hosts": {"a": {}}}, "has no host 'b'; known: a"),
        ({"settings": {"max_atempts": 1}}, "[settings] of the configuration: unknown setting max_atempts"),
        ({"settings": {"compute_quotas": {"instance": 3}}}, "unknown key of compute_quotas instance; known: cores, injected_file"),
        ({"settings": {"era": "1999"}}, "unknown era '1999'"),
        ({"settings": {"max_attempts": "x"}}, "[settings] of the configuration: max_attempts is 'x'; give a value like 3"),
        ({"settings": {"max_attempts": True}}, "max_attempts is True; give a value like 3"),
        ({"settings": {"enabled_filters": "ComputeFilter"}}, "enabled_filters is 'ComputeFilter'; give a value like ("),
        ({"cloud": "lab"}, "[cloud] of the configuration is 'lab'; give a table"),
        ({"hosts": {"a": "10.0.0.1"}}, "[hosts.a] of the configuration is '10.0.0.1'; give a table"),
        ({"hosts": {"a": {"network": 3}}}, "[hosts.a.network] of the configuration is 3; give a table"),
        ({"hypervisor": 3}, "[hypervisor] of the configuration is 3; give a table"),
        ({"endpoints": {"image": 5}}, "[endpoints] of the configuration: image is 5; give a text"),
        ({"messaging": {"url_file": 3}}, "[messaging] of the configuration: url_file is 3; give the path of a text"),
        ({"cloud": {"admin_password_file": "/nowhere/word"}}, "admin_password_file /nowhere/word: No such file"),
    ],
)
def test_mistakes_are_named(document: dict[str, dict[str, object]], words: str) -> None:
    with pytest.raises(LabError) as caught:
        here = site(document)
        here.place(here.host)
    assert words in str(caught.value)


def test_quotas_that_are_not_named_keep_their_defaults() -> None:
    quotas = site({"settings": {"compute_quotas": {"instances": 60}}}).settings.compute_quotas
    assert (quotas["instances"], quotas["cores"], quotas["metadata_items"]) == (60, 20, 128)


def test_a_file_that_is_not_there_and_one_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file or directory; give the configuration"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[cloud")
    with pytest.raises(LabError, match="is no TOML"):
        load(tmp_path / "bad.toml")


def test_neutron_knows_the_trunks_that_the_switches_have() -> None:
    document = {
        "hosts": {"one": {}, "two": {"roles": ["compute"], "network": {"bridge_mappings": {"physnet1": "eth1"}}}},
    }
    assert site(document, host="one").settings.bridge_mappings == ()
    assert site(document, host="two").settings.bridge_mappings == ("physnet1",)
    assert site(document, host="one").settings.project_network_types == ("vlan",)


def test_where_no_switch_has_a_trunk_the_networks_of_projects_are_tunnels() -> None:
    assert site({}).settings.project_network_types == ("vxlan",)
    asked = site({"settings": {"project_network_types": ["flat"], "bridge_mappings": ["physnet1"]}}).settings
    assert (asked.project_network_types, asked.bridge_mappings) == (("flat",), ("physnet1",))
    others = site({"network": {"driver": "package.module:Class"}}).settings
    assert (others.project_network_types, others.bridge_mappings) == (("vlan",), ("physnet1",))
