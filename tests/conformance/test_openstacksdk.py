"""openstacksdk against `glasscloud up`, where it does more than the command line asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openstack
import pytest

from tests.conformance.child import Up

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(120),
    # It warns of itself, and leaves the file of a segmented upload open.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def sdk(up: Up) -> Iterator[Any]:
    who = {"username": "admin", "password": up.password, "project_name": "admin"}
    with openstack.connect(auth_url=f"{up.url}/identity", user_domain_id="default", project_domain_id="default", **who) as connection:
        yield connection


def test_a_file_larger_than_a_segment_is_an_object_of_segments(sdk: Any, up: Up) -> None:
    whole = bytes(range(256)) * 10_000
    (up.home / "large.bin").write_bytes(whole)
    sdk.object_store.create_container("tales")
    sdk.object_store.create_object("tales", "large", filename=str(up.home / "large.bin"), segment_size=1_000_000)
    assert sdk.object_store.download_object("large", container="tales") == whole
    described = sdk.object_store.get_object_metadata("large", container="tales")
    assert (int(described.content_length), described.is_static_large_object) == (len(whole), True)
    assert len([found for found in sdk.object_store.objects("tales") if found.name.startswith("large/")]) == 3
    assert sdk.delete_object("tales", "large")
    assert [found.name for found in sdk.object_store.objects("tales") if found.name == "large"] == []


def test_a_small_file_is_one_object(sdk: Any, up: Up) -> None:
    (up.home / "small.bin").write_bytes(b"small")
    sdk.object_store.create_container("tales")
    sdk.object_store.create_object("tales", "small", filename=str(up.home / "small.bin"))
    assert sdk.object_store.download_object("small", container="tales") == b"small"
    assert not sdk.object_store.get_object_metadata("small", container="tales").is_static_large_object


@pytest.mark.filterwarnings("ignore")  # as errors they would be swallowed by its wait for a server
def test_the_cloud_layer_from_an_image_to_the_cleanup_of_a_project(sdk: Any, up: Up) -> None:
    """What scripts and Ansible's openstack.cloud modules are made of."""
    (up.home / "tiny.bin").write_bytes(b"QFI" * 1000)
    kind = {"container_format": "bare", "disk_format": "qcow2", "visibility": "public"}
    sdk.create_image("tiny", filename=str(up.home / "tiny.bin"), wait=True, **kind)
    sdk.create_flavor("f.tiny", ram=256, vcpus=1, disk=1)
    with sdk.connect_as_project("demo") as demo:
        use_and_clean_up(sdk, demo)


def use_and_clean_up(sdk: Any, demo: Any) -> None:
    """A network, a server with a volume and a snapshot of that; then none of them."""
    demo.create_network("sdk-net")
    demo.create_subnet("sdk-net", cidr="10.9.0.0/24", enable_dhcp=True)
    demo.create_security_group("sdk-group", "ssh")
    demo.create_security_group_rule("sdk-group", 22, 22, "tcp", "0.0.0.0/0")
    wanted = {"image": "tiny", "flavor": "f.tiny", "network": "sdk-net", "security_groups": ["sdk-group"], "auto_ip": False}
    server = demo.create_server("sdk-server", wait=True, **wanted)
    assert (server.status, demo.get_server_console(server) != "") == ("ACTIVE", True)
    volume = demo.create_volume(1, name="sdk-volume", wait=True)
    demo.attach_volume(server, volume, wait=True)
    assert demo.get_volume_attach_device(demo.get_volume("sdk-volume"), server.id) == "/dev/vdb"
    assert demo.create_volume_snapshot(volume.id, force=True, wait=True).status == "available"
    assert [used.name for used in sdk.get_compute_usage("demo").server_usages] == ["sdk-server"]
    cleaned = {"wait_timeout": 60, "skip_resources": ["network.floating_ip"]}
    demo.project_cleanup(dry_run=True, **cleaned)
    assert demo.get_server("sdk-server").status == "ACTIVE"
    demo.project_cleanup(dry_run=False, **cleaned)
    assert (demo.list_servers(bare=True), list(demo.block_storage.volumes())) == ([], [])
    assert "sdk-net" not in [network.name for network in demo.list_networks()]
    assert [group.name for group in demo.network.security_groups(project_id=demo.current_project_id)] == ["default"]
