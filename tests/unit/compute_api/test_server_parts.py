"""Actions and the sub-resources of servers."""

from __future__ import annotations

import pytest

from lab.services.compute.model import InstanceAction, InstanceActionEvent
from tests.unit.compute_api.nova import ADMIN, HOST, NETWORK, SERVICE, VOLUME, Nova

OTHER = "44444444-5555-6666-7777-888888888888"


@pytest.fixture
def nova() -> Nova:
    world = Nova()
    world.flavor(id="1")
    return world


@pytest.fixture
def server(nova: Nova) -> str:
    server_id = nova.server()
    nova.activate(server_id)
    return server_id


def act(nova: Nova, server: str, **values: object) -> int:
    body = {name.replace("_", "-", 1) if name.startswith("os_") else name: value for name, value in values.items()}
    return nova.call("POST", f"/v2.1/servers/{server}/action", body, ADMIN).status


def test_actions_reach_the_manager(nova: Nova, server: str) -> None:
    nova.manager.calls.clear()
    assert act(nova, server, os_stop=None) == 202
    assert act(nova, server, os_start=None) == 202
    assert act(nova, server, pause=None) == 202
    assert act(nova, server, unpause=None) == 202
    assert act(nova, server, reboot={"type": "Hard"}) == 202
    assert act(nova, server, os_resetState={"state": "error"}) == 202
    assert act(nova, server, forceDelete=None) == 202
    assert [call[0] for call in nova.manager.calls] == [
        "stop_server", "start_server", "pause_server", "unpause_server", "reboot_server", "reset_state", "delete",
    ]  # fmt: skip
    assert nova.manager.calls[4][2] == "HARD"
    assert nova.manager.calls[5][2] == "error"


def test_what_actions_refuse(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}/action"
    assert nova.fault("POST", path, {"fly": None}) == (400, "badRequest", "There is no such action: fly")
    assert nova.fault("POST", path, {"suspend": None}) == (400, "badRequest", "There is no such action: suspend")
    assert nova.fault("POST", path, {"confirmResize": None}) == (
        409,
        "conflictingRequest",
        f"Cannot 'confirmResize' instance {server} while it is in vm_state active",
    )
    for body in (
        {"reboot": {}},
        {"reboot": {"type": "warm"}},
        {"reboot": None},
        {"os-stop": None, "os-start": None},
        {},
        [],
        {"os-getConsoleOutput": {"length": "x"}},
        {"os-getConsoleOutput": {"length": -2}},
    ):
        assert nova.fault("POST", path, body)[0] == 400, body
    assert nova.fault("POST", path, {"os-resetState": {"state": "error"}})[0] == 403


def test_the_console_loses_its_control_characters(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}/action"
    assert nova.ok("POST", path, {"os-getConsoleOutput": {}}) == {"output": "login:\nok"}
    assert nova.ok("POST", path, {"os-getConsoleOutput": {"length": "1"}}) == {"output": "ok"}
    assert nova.call("POST", path, {"os-getConsoleOutput": {}}).status == 200


def test_lock_with_a_reason(nova: Nova, server: str) -> None:
    act(nova, server, lock={"locked_reason": "why"})
    view = nova.ok("GET", f"/v2.1/servers/{server}")["server"]
    assert (view["locked"], view["locked_reason"]) == (True, "why")
    assert nova.fault("PUT", f"/v2.1/servers/{server}/metadata", {"metadata": {}})[2] == f"Instance {server} is locked"
    act(nova, server, unlock=None)
    assert nova.ok("GET", f"/v2.1/servers/{server}")["server"]["locked"] is False


def test_security_groups_are_changed_on_the_ports(nova: Nova, server: str) -> None:
    nova.neutron.all_groups.append({"id": "sg-2", "name": "web", "description": "", "project_id": "red"})
    path = f"/v2.1/servers/{server}/action"
    assert nova.call("POST", path, {"addSecurityGroup": {"name": "web"}}).status == 202
    assert nova.ok("GET", f"/v2.1/servers/{server}")["server"]["security_groups"] == [{"name": "default"}, {"name": "web"}]
    groups = nova.ok("GET", f"/v2.1/servers/{server}/os-security-groups")["security_groups"]
    assert [group["name"] for group in groups] == ["default", "web"]
    assert nova.call("POST", path, {"removeSecurityGroup": {"name": "default"}}).status == 202
    assert nova.ok("GET", f"/v2.1/servers/{server}")["server"]["security_groups"] == [{"name": "web"}]
    assert nova.fault("POST", path, {"removeSecurityGroup": {"name": "default"}})[0] == 404
    assert nova.fault("POST", path, {"addSecurityGroup": {"name": "nope"}})[0] == 404


def test_metadata(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}/metadata"
    assert nova.ok("POST", path, {"metadata": {"a": "1"}}) == {"metadata": {"a": "1"}}
    assert nova.ok("PUT", f"{path}/b", {"meta": {"b": "2"}}) == {"meta": {"b": "2"}}
    assert nova.ok("GET", path) == {"metadata": {"a": "1", "b": "2"}}
    assert nova.ok("GET", f"{path}/b") == {"meta": {"b": "2"}}
    assert nova.call("DELETE", f"{path}/b").status == 204
    assert nova.ok("PUT", path, {"metadata": {"c": "3"}}) == {"metadata": {"c": "3"}}
    assert nova.fault("GET", f"{path}/a") == (404, "itemNotFound", "Metadata item was not found")
    assert nova.fault("DELETE", f"{path}/a")[0] == 404
    assert nova.fault("PUT", f"{path}/x", {"meta": {"y": "1"}})[2] == "Request body and URI mismatch"
    assert nova.fault("PUT", f"{path}/x", {"meta": {"x": "1", "y": "1"}})[0] == 400
    assert nova.fault("POST", path, {"metadata": {"": "1"}})[0] == 400
    assert nova.fault("POST", path, {})[0] == 400
    many = {f"k{place}": "v" for place in range(129)}
    assert nova.fault("POST", path, {"metadata": many})[:2] == (403, "forbidden")
    nova.change(server, vm_state="building")
    assert nova.fault("POST", path, {"metadata": {"a": "1"}}) == (
        409,
        "conflictingRequest",
        f"Cannot 'update metadata' instance {server} while it is in vm_state building",
    )


def test_tags(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}/tags"
    assert nova.call("PUT", f"{path}/one").status == 201
    assert nova.call("PUT", f"{path}/one").status == 204
    assert nova.ok("PUT", path, {"tags": ["a", "b", "a"]}) == {"tags": ["a", "b"]}
    assert nova.call("GET", f"{path}/a").status == 204
    assert nova.call("DELETE", f"{path}/a").status == 204
    assert nova.fault("GET", f"{path}/a") == (404, "itemNotFound", f"Server {server} has no tag 'a'")
    assert nova.fault("DELETE", f"{path}/a")[0] == 404
    assert nova.fault("PUT", f"{path}/{'x' * 61}")[0] == 400
    assert nova.call("DELETE", path).status == 204
    assert nova.ok("GET", path) == {"tags": []}
    assert nova.fault("GET", path, version=(2, 25))[0] == 404


def test_addresses_and_the_small_things(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}"
    net = [{"version": 4, "addr": "10.0.0.5"}, {"version": 4, "addr": "203.0.113.9"}]
    assert nova.ok("GET", f"{path}/ips") == {"addresses": {"net1": net}}
    assert nova.ok("GET", f"{path}/ips/net1") == {"net1": net}
    assert nova.fault("GET", f"{path}/ips/nope")[2] == "Instance is not a member of specified network"
    assert nova.ok("GET", f"{path}/os-server-password") == {"password": ""}
    assert nova.call("DELETE", f"{path}/os-server-password").status == 204
    assert nova.ok("GET", f"{path}/migrations", token=ADMIN) == {"migrations": []}
    assert nova.ok("GET", f"{path}/topology")["nodes"] == []


def test_volumes(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}/os-volume_attachments"
    body = {"volumeAttachment": {"volumeId": VOLUME, "device": None}}
    attached = nova.ok("POST", path, body, version=(2, 89))["volumeAttachment"]
    assert attached == {
        "id": VOLUME,
        "volumeId": VOLUME,
        "serverId": server,
        "device": "/dev/vdb",
        "tag": None,
        "delete_on_termination": False,
    }
    (listed,) = nova.ok("GET", path)["volumeAttachments"]
    assert set(listed) == {"volumeId", "serverId", "device", "tag", "delete_on_termination", "attachment_id", "bdm_uuid"}
    assert set(nova.ok("GET", f"{path}/{VOLUME}", version=(2, 1))["volumeAttachment"]) == {"id", "volumeId", "serverId", "device"}
    change = {"volumeAttachment": {"volumeId": VOLUME, "delete_on_termination": True}}
    assert nova.call("PUT", f"{path}/{VOLUME}", change).status == 202
    assert nova.ok("GET", f"{path}/{VOLUME}")["volumeAttachment"]["delete_on_termination"] is True
    wrong = {"volumeAttachment": {"volumeId": VOLUME, "device": "/dev/vdz"}}
    assert nova.fault("PUT", f"{path}/{VOLUME}", wrong)[2] == "The device property is not mutable"
    assert nova.fault("GET", f"{path}/{OTHER}") == (404, "itemNotFound", f"Instance {server} is not attached to volume {OTHER}")
    volumes = nova.ok("GET", f"/v2.1/servers/{server}")["server"]["os-extended-volumes:volumes_attached"]
    assert volumes == [{"id": VOLUME, "delete_on_termination": True}]
    later = {"volumeAttachment": {"volumeId": OTHER}}
    response = nova.call("POST", path, later, version=(2, 101))
    assert (response.status, response.content()) == (202, b"")
    for bad in ({"volumeId": "x"}, {"device": "/dev/vdb"}, {"volumeId": VOLUME, "device": "vdb"}):
        assert nova.fault("POST", path, {"volumeAttachment": bad})[0] == 400
    assert nova.call("DELETE", f"{path}/{VOLUME}").status == 202
    assert nova.manager.calls[-1] == ("detach_volume", server, VOLUME)


def test_interfaces(nova: Nova, server: str) -> None:
    path = f"/v2.1/servers/{server}/os-interface"
    (shown,) = nova.ok("GET", path)["interfaceAttachments"]
    assert shown == {
        "net_id": NETWORK,
        "port_id": f"port-{server}",
        "mac_addr": "fa:16:3e:00:00:01",
        "tag": "nic",
        "port_state": "ACTIVE",
        "fixed_ips": [{"subnet_id": NETWORK, "ip_address": "10.0.0.5"}],
    }
    assert "tag" not in nova.ok("GET", path, version=(2, 69))["interfaceAttachments"][0]
    assert nova.fault("GET", f"{path}/nope") == (404, "itemNotFound", "Port id nope could not be found.")
    nova.neutron.all_ports.append({**nova.neutron.all_ports[0], "id": OTHER})
    answer = nova.ok("POST", path, {"interfaceAttachment": {"port_id": OTHER}})["interfaceAttachment"]
    assert answer["port_id"] == OTHER
    both = {"interfaceAttachment": {"port_id": OTHER, "net_id": NETWORK}}
    assert nova.fault("POST", path, both)[2] == "Must not input both network_id and port_id"
    alone = {"interfaceAttachment": {"fixed_ips": [{"ip_address": "10.0.0.9"}]}}
    assert nova.fault("POST", path, alone)[2] == "Must input network_id when request IP address"
    assert nova.call("DELETE", f"{path}/{OTHER}").status == 202
    assert nova.manager.calls[-1] == ("detach_interface", server, OTHER)


def test_instance_actions_and_events(nova: Nova, server: str) -> None:
    def insert(tx: object) -> None:
        for place, name in enumerate(("create", "stop")):
            start = f"2026-01-01T00:00:0{place}Z"
            tx.insert(
                InstanceAction.make(  # type: ignore[attr-defined]
                    server_id=server,
                    request_id=f"req-{name}",
                    action=name,
                    user_id="alice",
                    project_id="red",
                    start_time=start,
                    updated_at=start,
                )
            )
        tx.insert(
            InstanceActionEvent.make(  # type: ignore[attr-defined]
                server_id=server,
                request_id="req-create",
                event="compute__do_build_and_run_instance",
                host=HOST,
                start_time="2026-01-01T00:00:01Z",
                result="Success",
            )
        )

    nova.store(insert)
    path = f"/v2.1/servers/{server}/os-instance-actions"
    actions = nova.ok("GET", path)["instanceActions"]
    assert [action["action"] for action in actions] == ["stop", "create"]
    assert actions[0]["start_time"] == "2026-01-01T00:00:01.000000"
    page = nova.ok("GET", f"{path}?limit=1")
    assert [action["action"] for action in page["instanceActions"]] == ["stop"]
    assert page["links"][0]["href"].endswith("os-instance-actions?limit=1&marker=req-stop")
    assert "updated_at" not in nova.ok("GET", path, version=(2, 57))["instanceActions"][0]
    since = nova.ok("GET", f"{path}?changes-since=2026-01-01T00:00:01Z")["instanceActions"]
    assert [action["action"] for action in since] == ["stop"]
    (event,) = nova.ok("GET", f"{path}/req-create")["instanceAction"]["events"]
    assert set(event) == {"event", "start_time", "finish_time", "result", "hostId"}
    (event,) = nova.ok("GET", f"{path}/req-create", token=ADMIN)["instanceAction"]["events"]
    assert (event["host"], event["traceback"], event["details"]) == (HOST, None, None)
    assert nova.fault("GET", f"{path}/nope") == (404, "itemNotFound", "Action nope not found")
    nova.call("DELETE", f"/v2.1/servers/{server}")
    assert len(nova.ok("GET", path)["instanceActions"]) == 2
    assert nova.fault("GET", path, version=(2, 20))[0] == 404


def test_external_events(nova: Nova, server: str) -> None:
    waiting = nova.server()
    path = "/v2.1/os-server-external-events"
    plugged = {"name": "network-vif-plugged", "tag": "port", "status": "completed"}
    events = [{**plugged, "server_uuid": server}]
    response = nova.call("POST", path, {"events": events}, SERVICE)
    assert (response.status, response.json()["events"][0]["code"]) == (200, 200)
    events += [{**plugged, "server_uuid": OTHER}, {**plugged, "server_uuid": waiting}]
    events += [{"name": "volume-extended", "server_uuid": server}]
    response = nova.call("POST", path, {"events": events}, SERVICE)
    assert response.status == 207
    assert [event["code"] for event in response.json()["events"]] == [200, 404, 422, 400]
    assert [event["status"] for event in response.json()["events"]] == ["completed", "failed", "failed", "failed"]
    assert nova.fault("POST", path, {"events": events})[0] == 403
    assert nova.fault("POST", path, {"events": []}, SERVICE)[0] == 400
    assert nova.fault("POST", path, {"events": events[-1:]}, SERVICE, (2, 50))[0] == 400
