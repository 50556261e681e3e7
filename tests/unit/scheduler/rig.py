"""Placement and nova-scheduler alone on a virtual clock, with hosts that are written straight into the store."""

from __future__ import annotations

from typing import Any

import orjson

from lab.config import Config
from lab.context import Context
from lab.journal import Entry
from lab.process import Process
from lab.services.compute.model import ComputeNode, ComputeService
from lab.services.compute.scheduler import Scheduler
from lab.services.placement.api import PlacementApi
from lab.services.placement.model import ResourceProvider, whole_inventory
from lab.wires import Wires
from sim.loop import SimLoop

FOREVER = 1 << 62
FLAVOR = {"id": "1", "name": "m1.tiny", "ram": 512, "vcpus": 1, "disk": 1, "ephemeral": 0, "swap": 0, "extra_specs": {}}


class World:
    """Two services and a conductor that asks."""

    def __init__(self, config: Config | None = None, seed: int = 1) -> None:
        self.loop = SimLoop(seed=seed)
        self.config = config or Config()
        self.wires = Wires(self.loop.runtime, self.config)
        self.wires.start("placement", "controller-1", self._placement)
        self.wires.start("nova-scheduler", "controller-1", self._scheduler)
        self.conductor = self.wires.start("nova-conductor", "controller-1", _with_token)
        self.hosts: list[str] = []

    def _placement(self, process: Process) -> None:
        self.api = PlacementApi(process)
        service = Context(user_id="nova", roles=("service", "admin"), token="service")
        self.api.authenticator._cache["service"] = (FOREVER, service)
        self.api.start()

    def _scheduler(self, process: Process) -> None:
        _with_token(process)
        self.scheduler = Scheduler(process)
        self.scheduler.start()

    def host(self, name: str, **numbers: Any) -> str:
        """Add one host; answer its UUID. `numbers` are fields of its compute node, `disabled`, `seen_ns` and `traits`."""
        return self.add([(name, numbers)])[0]

    def add(self, hosts: list[tuple[str, dict[str, Any]]]) -> list[str]:
        """Add hosts in one transaction."""
        records = [_records(len(self.hosts) + i, name, dict(numbers)) for i, (name, numbers) in enumerate(hosts)]
        self.hosts += [name for name, _ in hosts]

        def insert(tx: Any) -> None:
            for each in records:
                for record in each:
                    tx.insert(record)

        self.run(self.wires.store.run(insert))
        return [node.uuid for _, node, _ in records]

    def change(self, uuid: str, **numbers: Any) -> None:
        """A host reports other numbers."""
        self.run(self.wires.store.run(lambda tx: tx.update(tx.need(ComputeNode, uuid), **numbers)))

    def service(self, host: str, **values: Any) -> None:
        """Change a host's service record."""
        self.run(self.wires.store.run(lambda tx: tx.update(tx.one(ComputeService, host=host), **values)))

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        result = self.loop.run_until_complete(work)
        assert not self.loop.runtime.errors, self.loop.runtime.errors
        return result

    def place(self, *servers: str, **spec: Any) -> list[list[dict[str, Any]]]:
        """Ask for hosts as the conductor does."""
        return self.run(self.ask(*servers, **spec))

    async def ask(self, *servers: str, **spec: Any) -> list[list[dict[str, Any]]]:
        """The same inside a program."""
        body = {
            "instance_uuids": list(servers),
            "spec_obj": {
                "instance_uuid": servers[0],
                "num_instances": len(servers),
                "project_id": "project",
                "user_id": "user",
                "flavor": {**FLAVOR, **spec.pop("flavor", {})},
                "image": {"id": "image", "properties": {}},
                "availability_zone": None,
                "is_bfv": False,
                **spec,
            },
            "return_objects": True,
            "return_alternates": True,
        }
        ctx = Context(request_id="req-place", user_id="user", project_id="project")
        result: list[list[dict[str, Any]]] = await self.conductor.rpc.call(ctx, "scheduler", "select_destinations", body)
        return result

    def entries(self, **wanted: object) -> list[Entry]:
        """The journal's entries with these fields."""
        return list(self.wires.journal.find(**wanted))

    def explanation(self, server: str) -> dict[str, Any]:
        """The newest decision about a server, rendered."""
        body: dict[str, Any] = orjson.loads(self.entries(kind="decision", where=server)[-1].body_bytes())
        return body

    def held(self, server: str) -> dict[str, Any]:
        """What a server holds in placement."""
        ctx = Context(request_id="req-held")
        work = self.conductor.rest.json(ctx, "placement", "GET", f"/allocations/{server}", version=(1, 28), auth="service")
        allocations: dict[str, Any] = self.run(work)["allocations"]
        return allocations


def _with_token(process: Process) -> None:
    process.rest._token, process.rest._token_until = "service", float("inf")


def _records(number: int, name: str, numbers: dict[str, Any]) -> tuple[ResourceProvider, ComputeNode, ComputeService]:
    uuid = f"{number:08x}-0000-4000-8000-000000000000"
    disabled, seen_ns = numbers.pop("disabled", False), numbers.pop("seen_ns", 0)
    traits = numbers.pop("traits", ["COMPUTE_NODE", "OWNER_NOVA"])
    vcpus, memory, disk = numbers.pop("vcpus", 16), numbers.pop("memory_mb", 65_536), numbers.pop("local_gb", 1000)
    used = {
        "VCPU": numbers.get("vcpus_used", 0),
        "MEMORY_MB": numbers.get("memory_mb_used", 512) - 512,
        "DISK_GB": numbers.get("local_gb_used", 0),
    }
    node = {
        "uuid": uuid,
        "id": number + 1,
        "host": name,
        "hypervisor_hostname": name,
        "hypervisor_type": "QEMU",
        "hypervisor_version": 6_002_000,
        "host_ip": f"10.0.{number // 256 % 256}.{number % 256}",
        "service_id": number + 1,
        "created_at": "2026-01-01T00:00:00Z",
        "vcpus": vcpus,
        "memory_mb": memory,
        "local_gb": disk,
        "memory_mb_used": 512,
        "free_ram_mb": memory - numbers.get("memory_mb_used", 512),
        "free_disk_gb": disk - numbers.get("local_gb_used", 0),
    }
    service = ComputeService.make(
        uuid=f"{number:08x}-0000-4000-8000-00000000000f",
        id=number + 1,
        binary="nova-compute",
        host=name,
        topic="compute",
        created_at="2026-01-01T00:00:00Z",
        disabled=disabled,
        last_seen_ns=seen_ns,
    )
    ratios = {"VCPU": 4.0, "MEMORY_MB": 1.0, "DISK_GB": 1.0}
    totals = {"VCPU": vcpus, "MEMORY_MB": memory, "DISK_GB": disk}
    inventories = {
        name: whole_inventory(
            {
                "total": total,
                "max_unit": total,
                "reserved": 512 if name == "MEMORY_MB" else 0,
                "allocation_ratio": ratios[name],
            }
        )
        for name, total in totals.items()
    }
    provider = ResourceProvider.make(
        uuid=uuid,
        name=name,
        root_provider_uuid=uuid,
        revision=2,
        inventories=inventories,
        used={name: amount for name, amount in used.items() if amount},
        traits=traits,
    )
    return provider, ComputeNode.make(**{**node, **numbers}), service
