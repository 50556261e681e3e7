"""The metadata service: a guest that the agent vouches for reads what it is; nobody else reads anything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import lab
from lab.context import Context
from lab.services.compute.api.metadata import metadata_proof
from lab.services.network.driver import MetadataRequest
from lab.services.network.metadata import sign
from tests.unit.compute_api.nova import Nova

SECRET = "glasscloud"


@pytest.fixture
def nova() -> Nova:
    world = Nova()
    world.flavor(id="1")
    return world


def ask(nova: Nova, path: str, server: str, project: str = "red", proof: str | None = None) -> Any:
    headers = {"X-Instance-ID": server, "X-Tenant-ID": project, "X-Instance-ID-Signature": sign(SECRET, server) if proof is None else proof}
    work = nova.client.rest.call(Context(request_id="req-1"), "compute", "GET", path, auth="none", headers=headers)
    return nova.run(work)


def test_the_agent_and_nova_sign_alike() -> None:
    assert sign("a secret", "an id") == metadata_proof("a secret", "an id")
    assert sign("a secret", "an id") != sign("another", "an id")


def test_a_server_reads_what_it_is(nova: Nova) -> None:
    server = nova.server(metadata={"role": "web"})
    nova.activate(server)
    nova.change(server, user_data=base64.b64encode(b"#!/bin/sh\n").decode())
    document = json.loads(ask(nova, "/openstack/latest/meta_data.json", server).content())
    assert (document["uuid"], document["meta"], document["project_id"]) == (server, {"role": "web"}, "red")
    assert ask(nova, "/openstack/latest/user_data", server).content() == b"#!/bin/sh\n"
    assert ask(nova, "/latest/user-data", server).content() == b"#!/bin/sh\n"
    assert "meta_data.json" in ask(nova, "/openstack/latest", server).content().decode().split("\n")
    assert "instance-id" in ask(nova, "/latest/meta-data/", server).content().decode().split("\n")
    assert ask(nova, "/latest/meta-data/instance-id", server).content().startswith(b"i-")
    assert ask(nova, "/latest/meta-data/placement/", server).content() == b"availability-zone"
    assert ask(nova, "/openstack/latest/vendor_data.json", server).content() == b"{}"
    for path in ("/openstack/latest/nothing", "/openstack/1999-01-01/meta_data.json", "/latest/meta-data/nothing", "/latest/nothing"):
        assert ask(nova, path, server).status == 404, path


def test_nobody_else_reads_it(nova: Nova) -> None:
    server = nova.server()
    path = "/openstack/latest/meta_data.json"
    assert ask(nova, path, server, proof="0" * 64).status == 403
    assert nova.call("GET", path, token="", version=None).status == 403
    assert ask(nova, path, server, project="blue").status == 404
    assert ask(nova, path, "no-such-server").status == 404


def test_in_a_cloud_the_agent_knows_who_asks_by_network_and_address() -> None:
    async def main() -> dict[str, tuple[int, bytes]]:
        async with lab.Cloud.simulated(seed=7) as cloud:
            image = await cloud.image.images.create("cirros")
            await image.upload(b"not much of a system")
            flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
            network = await cloud.network.networks.create("net1")
            await cloud.network.subnets.create(network.id, "10.0.0.0/24")
            server = await cloud.compute.servers.create("web", flavor.id, image=image.id, networks=[{"uuid": network.id}])
            await server.wait_for("ACTIVE")
            (address,) = server.addresses
            said: dict[str, tuple[int, bytes]] = {}
            for who, where, source in (("server", network.id, address), ("stranger", network.id, "10.0.0.99"), ("other", "?", address)):
                cloud.world.datacenter.metadata(MetadataRequest(where, source, "/openstack/latest/meta_data.json",
                                                     lambda status, kind, body, who=who: said.update({who: (status, body)})))
            await cloud.sleep(1.0)
            said["id"] = (0, server.id.encode())
            return said

    said = lab.run(main, seed=7)
    assert said["server"][0] == 200
    assert json.loads(said["server"][1])["uuid"] == said["id"][1].decode()
    assert said["stranger"][0] == said["other"][0] == 404
