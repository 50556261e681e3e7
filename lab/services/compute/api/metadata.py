"""The metadata service: what guests ask at 169.254.169.254, brought here by the agent that knows who they are.

Source: nova/api/metadata/handler.py. There is no token: the agent signs the server's id with the secret that both have.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from lab.errors import Forbidden, NotFound
from lab.rest import PUBLIC, Request, Response, Route
from lab.services.compute import metadata
from lab.services.compute.api.part import ComputePart
from lab.services.compute.model import Server

if TYPE_CHECKING:
    from lab.context import Context

PLAIN, JSON = "text/plain; charset=UTF-8", "application/json"

ROUTES = (
    Route("GET", "/openstack", "metadata_versions", PUBLIC, summary="Versions of the metadata tree of OpenStack"),
    Route("GET", "/openstack/{version}", "metadata_files", PUBLIC, summary="Documents of one version"),
    Route("GET", "/openstack/{version}/{file}", "metadata_file", PUBLIC, summary="One document about the server that asks"),
    *(Route("GET", f"/{v}", "metadata_ec2", PUBLIC, summary="The metadata tree of EC2") for v in metadata.EC2_VERSIONS),
    *(Route("GET", f"/{v}/{{path:path}}", "metadata_ec2", PUBLIC, summary="A value of that server") for v in metadata.EC2_VERSIONS),
)


class MetadataPart(ComputePart):
    """The handlers of the metadata service."""

    async def metadata_versions(self, ctx: Context, req: Request) -> Response:
        """Answer the versions, the newest last."""
        return _plain("\n".join(metadata.OPENSTACK_VERSIONS).encode())

    async def metadata_files(self, ctx: Context, req: Request) -> Response:
        """Answer the names of the documents."""
        server = await self._asking(req)
        names = [name for name in metadata.DOCUMENTS if name != "user_data" or server.user_data is not None]
        return _plain("\n".join(names).encode())

    async def metadata_file(self, ctx: Context, req: Request) -> Response:
        """Answer one document."""
        server, name = await self._asking(req), req.params["file"]
        document = metadata.DOCUMENTS.get(name) if req.params["version"] in metadata.OPENSTACK_VERSIONS else None
        found = document(server) if document is not None else None
        if found is None:
            raise NotFound("The resource could not be found.")
        return Response(200, found, {"Content-Type": JSON if name.endswith(".json") else PLAIN})

    async def metadata_ec2(self, ctx: Context, req: Request) -> Response:
        """Answer a value, or the names in a directory."""
        path = [part for part in req.path.split("/")[2:] if part]
        found = metadata.show(metadata.ec2(await self._asking(req)), path)
        if found is None:
            raise NotFound("The resource could not be found.")
        return _plain(found)

    async def _asking(self, req: Request) -> Server:
        """The server that the agent's headers name. Raises Forbidden without their proof, NotFound for no server of the project."""
        instance_id = req.headers.get("x-instance-id", "")
        proof = metadata_proof(self.config.metadata_secret, instance_id)
        if not instance_id or not hmac.compare_digest(proof, req.headers.get("x-instance-id-signature", "")):
            raise Forbidden("Invalid proxy request signature.")
        server: Server | None = await self.process.store.run(lambda tx: tx.get(Server, instance_id))
        if server is None or server.deleted or server.project_id != req.headers.get("x-tenant-id"):
            raise NotFound("The resource could not be found.")
        return server


def metadata_proof(secret: str, instance_id: str) -> str:
    """What the agent must send beside a server's id: its HMAC with the secret. Source: nova's _validate_shared_secret."""
    return hmac.new(secret.encode(), instance_id.encode(), "sha256").hexdigest()


def _plain(body: bytes) -> Response:
    return Response(200, body, {"Content-Type": PLAIN})
