"""Key pairs of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictStr

from lab.rest import MEMBER, READER, Request, Response, Route, per_version
from lab.rest.body import Body
from lab.services.compute.api.paging import cut, is_full, next_link, page_of
from lab.services.compute.api.part import ComputePart, only_admin
from lab.services.compute.api.times import naive
from lab.services.compute.keypairs import Keypair

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]

_Name = Annotated[StrictStr, Field(min_length=1, max_length=255, pattern=r"^[_\-a-zA-Z0-9]([_\- a-zA-Z0-9]*[_\-a-zA-Z0-9])?$")]
_Name292 = Annotated[StrictStr, Field(min_length=1, max_length=255, pattern=r"^[_\-@.a-zA-Z0-9]([_\-@. a-zA-Z0-9]*[_\-@.a-zA-Z0-9])?$")]


class Keypair21(Body):
    """A name, and the key when the client has one."""

    name: _Name
    public_key: StrictStr | None = None


class Keypair22(Keypair21):
    """A type."""

    type: Literal["ssh", "x509"] = "ssh"


class Keypair210(Keypair22):
    """For another user, by an administrator."""

    user_id: StrictStr | None = None


class Keypair292(Body):
    """The client makes the key."""

    name: _Name292
    public_key: StrictStr
    type: Literal["ssh", "x509"] = "ssh"
    user_id: StrictStr | None = None


class Create21(Body):
    """POST."""

    keypair: Keypair21


class Create22(Body):
    """POST since 2.2."""

    keypair: Keypair22


class Create210(Body):
    """POST since 2.10."""

    keypair: Keypair210


class Create292(Body):
    """POST since 2.92."""

    keypair: Keypair292


ROUTES = (
    Route("GET", "/v2.1/os-keypairs", "keypairs_list", READER, summary="List key pairs"),
    Route(
        "POST",
        "/v2.1/os-keypairs",
        "keypairs_create",
        MEMBER,
        201,
        per_version(((2, 1), Create21), ((2, 2), Create22), ((2, 10), Create210), ((2, 92), Create292)),
        summary="Import or make a key pair",
    ),
    Route("GET", "/v2.1/os-keypairs/{name}", "keypairs_show", READER, summary="Show a key pair"),
    Route("DELETE", "/v2.1/os-keypairs/{name}", "keypairs_delete", MEMBER, 204, summary="Delete a key pair"),
)


class KeypairsPart(ComputePart):
    """The handlers of os-keypairs."""

    async def keypairs_list(self, ctx: Context, req: Request) -> Json:
        """Answer a user's key pairs by name."""
        known = ("user_id", "limit", "marker") if req.version >= (2, 35) else ("user_id",)
        self.check_query(req, known, (2, 75))
        pairs = await self.keypairs.find(_owner(ctx, req, "index"))
        if req.version < (2, 35):
            return {"keypairs": [{"keypair": _listed(pair, req.version)} for pair in pairs]}
        limit, marker = page_of(req)
        page = cut(pairs, limit, marker, lambda pair: pair.name)
        answer: Json = {"keypairs": [{"keypair": _listed(pair, req.version)} for pair in page]}
        if is_full(req, len(page)):
            answer["keypairs_links"] = next_link(req, self.root + req.path, page[-1].name)
        return answer

    async def keypairs_create(self, ctx: Context, req: Request) -> Response:
        """Keep the client's key, or make one and answer the private key once."""
        data = req.data.keypair
        user_id = getattr(data, "user_id", None) or ctx.user_id
        if user_id != ctx.user_id:
            only_admin(ctx, "os_compute_api:os-keypairs:create")
        kind = getattr(data, "type", "ssh")
        private = None
        if data.public_key is not None:
            pair = await self.keypairs.import_key(ctx, user_id, data.name, data.public_key, kind)
        else:
            pair, private = await self.keypairs.generate(ctx, user_id, data.name, kind)
        view = {**_listed(pair, req.version), "user_id": pair.user_id}
        if private is not None:
            view["private_key"] = private
        return Response(200 if req.version < (2, 2) else 201, {"keypair": view})

    async def keypairs_show(self, ctx: Context, req: Request) -> Json:
        """Answer one key pair."""
        self.check_query(req, ("user_id",), (2, 75))
        pair = await self.keypairs.get(_owner(ctx, req, "show"), req.params["name"])
        return {
            "keypair": {
                **_listed(pair, req.version),
                "user_id": pair.user_id,
                "id": pair.number,
                "created_at": naive(pair.created_at),
                "updated_at": None,
                "deleted": False,
                "deleted_at": None,
            }
        }

    async def keypairs_delete(self, ctx: Context, req: Request) -> Response:
        """Delete one key pair."""
        self.check_query(req, ("user_id",), (2, 75))
        await self.keypairs.delete(_owner(ctx, req, "delete"), req.params["name"])
        return Response(202 if req.version < (2, 2) else 204)


def _owner(ctx: Context, req: Request, action: str) -> str:
    """Return whose key pairs are meant; another user's only for administrators, since 2.10."""
    asked = req.arg("user_id") if req.version >= (2, 10) else None
    if asked and asked != ctx.user_id:
        only_admin(ctx, f"os_compute_api:os-keypairs:{action}")
    return asked or ctx.user_id


def _listed(pair: Keypair, version: tuple[int, int]) -> Json:
    view = {"name": pair.name, "public_key": pair.public_key, "fingerprint": pair.fingerprint}
    if version >= (2, 2):
        view["type"] = pair.type
    return view
