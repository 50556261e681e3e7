"""How an API checks tokens with keystone: late ones, bad services' tokens, keystone away."""

from __future__ import annotations

from typing import Any

import lab
from lab.client.transports import enter
from lab.config import Config
from lab.rest.message import Request

SMALL = {"racks": 1, "hosts_per_rack": 1}


def play(main: Any) -> Any:
    async def whole() -> Any:
        async with lab.Cloud.simulated(3, datacenter=SMALL, config=Config(token_expiration_s=400)) as cloud:
            await cloud.session.authenticate()
            return await main(cloud)

    return lab.run(whole)


async def servers(cloud: Any, token: str, service_token: str = "") -> int:
    headers = {"x-auth-token": token, **({"x-service-token": service_token} if service_token else {})}
    client = cloud.world.client
    return (await enter(client, "compute", Request("GET", "/v2.1/servers", headers, b"", client.name))).status


def test_an_ended_token_is_good_beside_a_services_token_and_beside_no_other() -> None:
    async def main(cloud):
        late = cloud.session.token
        await cloud.sleep(500)
        mine = await cloud.session.authenticate()
        nova = cloud.process("nova-compute@compute-1")
        service = await nova.rest.own_token(nova.context())
        answers = [await servers(cloud, late, beside) for beside in ("", "nonsense", mine, service)]
        return [*answers, await servers(cloud, late)]

    assert play(main) == [401, 401, 401, 200, 401]


def test_a_token_is_not_called_bad_because_keystone_is_away() -> None:
    async def main(cloud):
        cloud.wires.kill("keystone@controller-1")
        away = await servers(cloud, cloud.session.token)
        cloud.wires.restart("keystone@controller-1")
        return away, await servers(cloud, cloud.session.token)

    assert play(main) == (503, 200)


def test_a_service_whose_own_token_was_revoked_gets_another() -> None:
    async def main(cloud):
        nova = cloud.process("nova-api@controller-1")
        own = await nova.rest.own_token(nova.context())
        await cloud.session.send("identity", "DELETE", "/v3/auth/tokens", headers={"x-subject-token": own})
        return await servers(cloud, cloud.session.token)

    assert play(main) == 200
