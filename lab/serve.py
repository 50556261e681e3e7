"""A simulated cloud as the HTTP edge serves it: requests go through the runner, questions about the cloud do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.body import encode
from lab.client.transports import enter
from lab.context import Context
from lab.readiness import SERVICES
from lab.rest.api import Api
from lab.rest.message import Request, Response
from lab.rest.watched import Bell
from lab.rpc.queues import queues
from lab.services.network.model import Network

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud
    from sim.runner import Runner


class Served:
    """What the edge needs of a simulated cloud that a runner drives."""

    def __init__(self, cloud: SimulatedCloud, runner: Runner) -> None:
        self.cloud, self.runner = cloud, runner
        self.journal = cloud.journal
        self.apis: dict[str, type[Api]] = {}
        self.ready = False
        self.bell = Bell()
        runner.listeners.append(self.bell.ring)
        self.travels: list[int] = []
        self._booting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the runner and the cloud in it; health says when it is ready."""
        self.runner.start()
        self._booting = asyncio.get_running_loop().create_task(self._boot())

    async def _boot(self) -> None:
        await self.runner.call(self.cloud.ready)
        # Not every listener: object storage has nodes of its own that no client reaches.
        listeners = self.cloud.wires.router.listeners
        self.apis.update({service: type(listeners[service][0].api) for service in SERVICES})
        self.ready = True

    async def booted(self) -> None:
        """Wait until the cloud is ready. Raises what stopped it."""
        if self._booting is not None:
            await self._booting

    async def end(self) -> None:
        """Stop the world and close what it keeps."""
        self.runner.stop()
        await self.cloud.wires.store.close()

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Carry one request into the world and its answer out."""
        client = self.cloud.world.client
        request = Request(method, target, headers, body, client.name)
        response: Response = await self.runner.call(
            lambda: enter(client, service, request, keep_stream=True), f"{method} /{service}{target}"
        )
        return response

    async def pull(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run a piece of reading inside the world, such as the next chunk of a stream."""
        return await self.runner.call(work)

    def who(self, token: str) -> Context | None:
        """Whose token this is, paused or not; None when it is worth nothing."""
        listeners = self.cloud.wires.router.listeners.get("identity")
        if not token or not listeners:
            return None
        check = listeners[0].api.authenticator.local
        found: Context | None = self.runner.peek(lambda: check(token))
        return found

    def health(self) -> dict[str, Any]:
        """Whether the cloud is ready, its clock, and what went wrong."""
        stopped = self.runner.error
        errors = self.cloud.wires.runtime.errors
        return {
            "ready": self.ready and stopped is None,
            "stopped": str(stopped) if stopped is not None else None,
            "errors": [f"{type(e).__name__}: {e}" for e in errors[:10]],
            "seq": self.journal.seq,
            "seed": self.cloud.world.runtime.seed,
            "clock": self.runner.state(),
        }

    def clock(self, change: dict[str, Any]) -> dict[str, Any]:
        """Change the pace ('paused', 'speed', 'step', 'step_events') and say what it is now; a paused clock stays so at a new speed."""
        runner = self.runner
        if change:
            self._order(change)
            self.bell.ring()
        return {**runner.state(), "run": len(self.travels)}

    def _order(self, change: dict[str, Any]) -> None:
        runner = self.runner
        paused = change.get("paused", runner.paused)
        if "speed" in change:
            runner.resume(change["speed"])
        if paused:
            runner.pause()
        elif runner.paused:
            runner.resume()
        if "step" in change or "step_events" in change:
            runner.step(change.get("step", 0), change.get("step_events", 0))
        self.cloud.wires.runtime.stretch(token_factor(runner.speed, runner.paused))

    async def stepped(self) -> None:
        """Wait until all steps that were ordered are made."""
        await self.runner.stepped()

    # -- looking and breaking -----------------------------------------------------------------

    def datacenter(self) -> dict[str, Any]:
        """The world as it is now, the networks that lie in it, the processes on its hosts and the faults that are armed."""
        wires, world = self.cloud.wires, self.cloud.world
        networks = self.runner.peek(lambda: wires.store.run(lambda tx: tx.all(Network)))
        return {
            **world.look(),
            "networks": [
                {"id": n.id, "name": n.name, "type": n.network_type, "segment": n.segmentation_id} for n in networks
            ],
            "processes": [
                {"name": p.name, "host": p.host, "state": "dead" if not p.alive else "hung" if p.hung else "up", "life": p.life}
                for p in wires.processes.values()
            ],
            "armed": world.faults_armed()["armed"],
        }

    def queues(self) -> dict[str, Any]:
        """The message queues."""
        return {"queues": queues(self.cloud.wires.broker)}

    def faults(self) -> dict[str, Any]:
        """The faults that are armed, and the words for those that can be."""
        return self.cloud.world.faults_armed()

    async def enter(self, kind: str, what: dict[str, Any]) -> Any:
        """Do to the world what comes from outside ('fault', 'disarm', 'ping'), as a journaled input; looked at before it is done."""
        world, runner = self.cloud.world, self.runner
        if kind == "ping":
            server, target = world.server_of(what["server"]), what["target"]
            return await runner.call(lambda: world.echo(server, target), label_of(kind, what), encode(what), insists=True)
        deed = world.deed(kind, what)
        return runner.act(deed, label_of(kind, what), encode(what))


def label_of(kind: str, what: dict[str, Any]) -> str:
    """How an input is called in the journal: 'fault drop build_and_run_instance', 'ping web 10.0.0.4'."""
    if kind == "fault" and "plant" in what:
        words = [what["do"], what["plant"], what[what["plant"]]]
    elif kind == "fault":
        words = [what["act"], what.get("match", {}).get("name", "*")]
    else:
        words = [str(word) for word in what.values()]
    return " ".join([kind, *words])


LONG_LIFE = 50_000.0
"""Times an hour: 5.7 years. A small cloud with something always in flight does about 10,000 seconds in one of the wall; clients
that count in 32 bits know no later date than 2038."""


def token_factor(speed: float, falls_behind: bool = False) -> float:
    """How much longer than upstream's hour a token lives on the virtual clock, so that its owner, in wall time, sees an hour at least.

    A clock that falls behind the wall's (it is slower, it was paused, or the cloud was kept and lay still) would show expiry
    dates that are past to the client, and as fast as possible there is no fixed ratio: both get a long life.
    """
    return LONG_LIFE if falls_behind or speed < 1 else min(speed, LONG_LIFE)


def clouds_yaml(url: str, password: str, name: str = "glasscloud") -> str:
    """A clouds.yaml by which the openstack client finds the cloud."""
    auth = {
        "auth_url": f"{url}/identity",
        "username": "admin",
        "password": password,
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    cloud = {
        "auth": auth,
        "region_name": "RegionOne",
        "identity_api_version": 3,
        "volume_api_version": 3,
        "interface": "public",
    }
    return yaml.safe_dump({"clouds": {name: cloud}}, sort_keys=False)


def openrc(url: str, password: str) -> str:
    """A file for `source` with the same."""
    values = {
        "OS_AUTH_URL": f"{url}/identity",
        "OS_USERNAME": "admin",
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "RegionOne",
        "OS_IDENTITY_API_VERSION": "3",
    }
    return "".join(f"export {key}='{value}'\n" for key, value in values.items())


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read: there is a password in it."""
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
