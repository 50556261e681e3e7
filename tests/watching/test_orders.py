"""What an administrator orders over HTTP: steps, faults, pings; and what he is shown."""

from __future__ import annotations

from lab.cloud import SimulatedCloud
from tests.watching.serving import Serving, serve


async def furnish(cloud: SimulatedCloud, servers: int) -> None:
    """Servers web-1, web-2… that are ACTIVE and have booted."""
    image = await cloud.image.images.create("cirros")
    await image.upload(b"not much of a system")
    flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("blue")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    for number in range(1, servers + 1):
        server = await cloud.compute.servers.create(f"web-{number}", flavor.id, image=image.id, networks=[{"uuid": network.id}])
        await server.wait_for("ACTIVE")
    await cloud.sleep(60)


def test_steps_are_answered_when_they_are_made() -> None:
    async def main(here: Serving) -> None:
        seq, steps = here.journal.seq, here.runner.world.steps
        answer = await here.http.put("/glasscloud/clock", json={"step": 3})
        clock = answer.json()
        assert clock["paused"] is True
        new = [e.kind for e in here.journal.since(seq) if e.kind in {"rest", "rpc_call", "rpc_cast", "rpc_reply", "notify"}]
        assert len(new) >= 3
        assert clock["steps"] > steps
        before = here.runner.world.steps
        assert (await here.http.put("/glasscloud/clock", json={"step_events": 1})).json()["steps"] > before
        wrong = await here.http.put("/glasscloud/clock", json={"step_events": 0})
        assert (wrong.status_code, "no number of events" in wrong.text) == (400, True)

    serve(main)


def test_a_fault_is_armed_shown_journaled_and_taken_back_while_the_clock_stands() -> None:
    async def main(here: Serving) -> None:
        steps = here.runner.world.steps
        body = {"act": "drop", "match": {"name": "build_and_run_instance", "kinds": ["rpc_cast"], "nth": 2}}
        answer = await here.http.post("/glasscloud/faults", json=body)
        assert (answer.status_code, answer.json()) == (201, {"number": 1})
        entry = here.journal.get(here.journal.seq)
        assert (entry.kind, entry.source, entry.name) == ("input", "outside", "fault drop build_and_run_instance")
        assert (entry.json(), entry.note["step"]) == (body, steps)
        armed = (await here.get("faults"))["armed"]
        assert [(rule["number"], rule["act"], rule["match"]["name"], rule["match"]["nth"]) for rule in armed] == [
            (1, "drop", "build_and_run_instance", 2)
        ]
        assert (await here.get("datacenter"))["armed"] == armed
        assert (await here.http.delete("/glasscloud/faults/1")).status_code == 204
        assert (await here.get("faults"))["armed"] == []
        gone = await here.http.delete("/glasscloud/faults/1")
        assert (gone.status_code, "no fault 1 is armed" in gone.text) == (404, True)
        assert here.runner.world.steps == steps

    serve(main)


def test_a_planted_fault_is_seen_in_the_datacenter_and_mended() -> None:
    async def main(here: Serving) -> None:
        async def plant(**what: object) -> None:
            answer = await here.http.post("/glasscloud/faults", json=what)
            assert answer.status_code == 201, answer.text

        async def state() -> tuple[str, bool, float, bool]:
            seen = await here.get("datacenter")
            process = next(p for p in seen["processes"] if p["name"] == "nova-compute@compute-1")
            link = next(row for row in seen["links"] if {row["a"], row["b"]} == {"leaf-1", "spine-1"})
            return process["state"], link["up"], seen["filers"][0]["slow"], seen["filers"][0]["full"]

        assert await state() == ("up", True, 1.0, False)
        await plant(plant="process", process="nova-compute@compute-1", do="hang")
        await plant(plant="link", link="spine-1--leaf-1", do="cut")
        await plant(plant="nas", nas="nas-1", do="slow", factor=5)
        await plant(plant="nas", nas="nas-1", do="full")
        assert await state() == ("hung", False, 5.0, True)
        await plant(plant="process", process="nova-compute@compute-1", do="kill")
        await plant(plant="link", link="spine-1--leaf-1", do="mend")
        await plant(plant="nas", nas="nas-1", do="mend")
        assert await state() == ("dead", True, 1.0, False)
        await plant(plant="process", process="nova-compute@compute-1", do="restart")
        await plant(plant="trunk", trunk="leaf-1", vlan=7, do="omit")
        ports = next(s for s in (await here.get("datacenter"))["switches"] if s["name"] == "leaf-1")["ports"]
        assert [port["omitted"] for port in ports if port["peer"] == "spine-1"] == [[7]]
        await plant(plant="process", process="nova-compute@*", do="kill", on={"message": "build_and_run_instance"})
        assert {rule["what"] for rule in (await here.get("faults"))["armed"]} == {
            "kill nova-compute@compute-1", "kill nova-compute@compute-2",
        }  # fmt: skip

    serve(main)


WRONG_FAULTS: list[tuple[object, str]] = [
    ({}, "this is no fault"),
    ([], "this is no fault"),
    ({"act": "drop", "plant": "link"}, "this is no fault"),
    ({"act": "burn"}, "no fault 'burn'; known: drop, delay"),
    ({"act": "drop", "match": {"nth": 0}}, "'nth' of a match is a whole number from 1 on, not 0"),
    ({"act": "drop", "match": {"kinds": ["sms"]}}, "'kinds' of a match is a list of rest, rpc_call"),
    ({"act": "drop", "match": {"kinds": ["rest", "driver"]}}, "for driver calls or for messages"),
    ({"act": "drop", "match": {"who": "x"}}, "a match has no key 'who'; known: name"),
    ({"act": ["drop"]}, "'act' of a fault is a text"),
    ({"plant": ["link"]}, "unknown fault ['link']; known: message"),
    ({"plant": "link", "do": "cut"}, "needs 'link'"),
    ({"plant": "link", "link": "a--b", "do": "cut"}, "no link 'a--b'; known:"),
    ({"plant": "process", "process": "nova-compute@nowhere", "do": "kill"}, "no process 'nova-compute@nowhere'; known:"),
    ({"plant": "process", "process": "nova-compute@compute-1", "do": "tickle"}, "has no 'tickle'; known: kill, hang"),
    ({"plant": "trunk", "trunk": "leaf-1", "do": "omit"}, "needs 'vlan'"),
    ({"plant": "nas", "nas": "nas-1", "do": "slow", "factor": 0.5}, "'factor' of the fault 'nas' is a number from 1 to 1,000,000"),
    ({"plant": "nas", "nas": "nas-1", "do": "slow", "factor": 1e308}, "'factor' of the fault 'nas' is a number from 1 to 1,000,000"),
    ({"plant": "nas", "nas": "nas-1", "do": "full", "at_s": 1e300}, "'at_s' of the fault 'nas' is a number of seconds, at most"),
    ({"act": "delay", "delay_s": 1e300}, "'delay_s' of a fault is a number of seconds, at most 1,000,000,000"),
]
WRONG_PINGS: list[tuple[object, int, str]] = [
    ({}, 400, "this is no ping"),
    ({"server": "web", "target": 4}, 400, "this is no ping"),
    ({"server": "web", "target": "db"}, 400, "'db' is no IPv4 address"),
    ({"server": "web", "target": "10.0.0.1"}, 404, "no server 'web' runs; none does: create one first"),
]


def test_what_is_wrong_is_told_and_changes_nothing() -> None:
    async def main(here: Serving) -> None:
        seq = here.journal.seq
        for what, body, status, words in (
            *(("faults", body, 400, words) for body, words in WRONG_FAULTS),
            *(("ping", body, status, words) for body, status, words in WRONG_PINGS),
        ):
            answer = await here.http.post(f"/glasscloud/{what}", json=body)
            assert answer.status_code == status, (body, answer.text)
            assert words in answer.json()["error"]["message"], (body, answer.text)
        assert here.journal.seq == seq
        broken = await here.http.post("/glasscloud/faults", content=b"{")
        assert (broken.status_code, "the body is no JSON" in broken.text) == (400, True)

    serve(main)


def test_a_ping_walks_hop_by_hop_even_when_the_clock_stands() -> None:
    async def main(here: Serving) -> None:
        await here.runner.call(lambda: furnish(here.cloud, servers=2))
        here.runner.pause()
        seen = await here.get("datacenter")
        servers = [server for host in seen["hosts"] for server in host["servers"]]
        assert [(s["name"], s["power"]) for s in servers] == [("web-1", "RUNNING"), ("web-2", "RUNNING")]
        assert all(s["ports"][0]["address"].startswith("10.0.0.") for s in servers)
        network = next(n for n in seen["networks"] if n["name"] == "blue")
        assert {(s["ports"][0]["type"], s["ports"][0]["segment"]) for s in servers} == {(network["type"], network["segment"])}
        used = [(h["vcpus_used"], h["ram_used_mb"]) for h in seen["hosts"] if h["kind"] == "compute"]
        assert sum(vcpus for vcpus, _ in used) == 2
        assert sum(ram for _, ram in used) == 1024
        target = next(s["ports"][0]["address"] for s in servers if s["name"] == "web-2")
        answer = (await here.http.post("/glasscloud/ping", json={"server": "web-1", "target": target})).json()
        assert answer["reached"] is True
        assert answer["rtt_ms"] > 0
        assert {"leaf-1"} <= {hop["device"] for hop in answer["hops"]}
        assert (await here.get("clock"))["paused"] is True
        lost = (await here.http.post("/glasscloud/ping", json={"server": servers[0]["id"], "target": "10.0.0.99"})).json()
        assert (lost["reached"], lost["rtt_ms"]) == (False, None)
        assert "10.0.0.99" in lost["reason"]
        names = [e.name for e in here.journal.find(kind="input")]
        assert names[-2:] == [f"ping web-1 {target}", f"ping {servers[0]['id']} 10.0.0.99"]

    serve(main, paused=False)


def test_the_queues_show_what_waits_at_a_process_that_hangs() -> None:
    async def main(here: Serving) -> None:
        async def queue(name: str) -> dict[str, object]:
            return next(row for row in (await here.get("queues"))["queues"] if row["name"] == name)

        before = await queue("compute.compute-1")
        assert (before["exchange"], before["consumers"]) == ("nova", ["nova-compute@compute-1"])
        api = here.cloud.process("nova-api@controller-1")

        async def send(count: int) -> None:
            for _ in range(count):
                api.rpc.cast(api.context(), "compute.compute-1", "nothing_known", {})

        await here.http.post("/glasscloud/faults", json={"plant": "process", "process": "nova-compute@compute-1", "do": "hang"})
        await here.runner.call(lambda: send(3), insists=True)
        hung = await queue("compute.compute-1")
        assert (hung["published"], hung["depth"], hung["unacked"], hung["delivered"]) == (3, 3, 0, 0)
        await here.http.post("/glasscloud/faults", json={"plant": "process", "process": "nova-compute@compute-1", "do": "resume"})
        await here.http.put("/glasscloud/clock", json={"step_events": 200})
        done = await queue("compute.compute-1")
        assert (done["published"], done["depth"], done["unacked"], done["delivered"]) == (3, 0, 0, 3)

    serve(main)
