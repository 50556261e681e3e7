"""One server's creation, recorded once for all formats, and a cloud that was given secrets."""

from __future__ import annotations

import pytest

import lab
from lab.cli.operations import record
from lab.client.session import ApiError
from lab.config import Config
from lab.journal import Entry
from lab.journal.formats import Flow
from lab.teach.stage import Stage

SECRETS = ("Hunter2Server", "SHVudGVyMlVzZXJEYXRh", "Hunter2User", "Hunter2Wrong", "Hunter2 no base64",
           "Hunter2Admin", "Hunter2Service")


@pytest.fixture(scope="session")
def created() -> Flow:
    """The messages of a server's creation."""
    recording = record("server_create")
    return Flow(recording.entries, recording.names, "server_create")


@pytest.fixture(scope="session")
def guarded() -> tuple[list[Entry], list[str]]:
    """A journal of requests that carried secrets, and the secrets, the administrator's token among them."""

    async def main() -> tuple[list[Entry], list[str]]:
        config = Config().but(admin_password=SECRETS[5], service_password=SECRETS[6])
        async with lab.Cloud.simulated(1, config=config) as cloud:
            stage = Stage(cloud)
            await stage.image("cirros", size_mib=20)
            await stage.flavor("m1.tiny")
            await stage.network("net")
            server = {"name": "web", "flavorRef": stage.flavors["m1.tiny"].id, "imageRef": stage.images["cirros"].id,
                      "networks": [{"uuid": stage.networks["net"].id}], "adminPass": SECRETS[0], "user_data": SECRETS[1]}
            session = cloud.session
            await session.send("compute", "POST", "/v2.1/servers", {"server": server})
            await session.send("identity", "POST", "/v3/users", {"user": {"name": "kim", "password": SECRETS[2]}})
            with pytest.raises(ApiError):
                await cloud.as_user("admin", SECRETS[3], "admin").session.authenticate()
            with pytest.raises(ApiError):
                await session.send("compute", "POST", "/v2.1/servers", {"server": {**server, "user_data": SECRETS[4]}})
            with pytest.raises(ApiError):
                await session.send("compute", "POST", "/v2.1/servers", {"server": {"adminPass": {"a": SECRETS[0]}}})
            await cloud.sleep(20)
            return list(cloud.journal.since()), [*SECRETS, session.token]

    return lab.run(main, seed=1)
