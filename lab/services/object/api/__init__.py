"""swift-proxy: the object storage API, version 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.context import Context
from lab.errors import MethodNotAllowed
from lab.rest import PUBLIC, Request, Response, Route
from lab.services.object.api.accounts import ACCOUNT, AccountsPart, ContainersPart
from lab.services.object.api.objects import ObjectsPart
from lab.services.object.model import (
    LISTING_LIMIT,
    MAX_CONTAINER_NAME_LENGTH,
    MAX_DELETES,
    MAX_FILE_SIZE,
    MAX_MANIFEST_SEGMENTS,
    MAX_MANIFEST_SIZE,
    MAX_META_COUNT,
    MAX_META_NAME_LENGTH,
    MAX_META_OVERALL_SIZE,
    MAX_META_VALUE_LENGTH,
    MAX_OBJECT_NAME_LENGTH,
    Json,
)


class ObjectApi(AccountsPart, ContainersPart, ObjectsPart):
    """All nouns, and what clients may know beforehand."""

    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/info", "info", PUBLIC, summary="Say what this Swift can do"),
        *AccountsPart.routes,
        Route("DELETE", ACCOUNT, "delete_account", PUBLIC, streaming=True, summary="Delete what the body lists"),
        *ContainersPart.routes,
        *ObjectsPart.routes,
    )

    async def info(self, ctx: Context, req: Request) -> Json:
        """Say what this Swift can do, and its limits."""
        return {
            "swift": {
                "version": "2.35.0",
                "max_file_size": MAX_FILE_SIZE,
                "max_meta_name_length": MAX_META_NAME_LENGTH,
                "max_meta_value_length": MAX_META_VALUE_LENGTH,
                "max_meta_count": MAX_META_COUNT,
                "max_meta_overall_size": MAX_META_OVERALL_SIZE,
                "max_object_name_length": MAX_OBJECT_NAME_LENGTH,
                "max_container_name_length": MAX_CONTAINER_NAME_LENGTH,
                "account_listing_limit": LISTING_LIMIT,
                "container_listing_limit": LISTING_LIMIT,
                "policies": [{"name": "Policy-0", "aliases": "Policy-0", "default": True}],
            },
            "bulk_delete": {"max_deletes_per_request": MAX_DELETES, "max_failed_deletes": MAX_DELETES},
            "dlo": {},
            "slo": {"max_manifest_segments": MAX_MANIFEST_SEGMENTS, "max_manifest_size": MAX_MANIFEST_SIZE, "min_segment_size": 1},
        }

    async def post_account(self, ctx: Context, req: Request) -> Response:
        """Change the account's metadata, or delete what the body lists."""
        if req.arg("bulk-delete") is None:
            return await super().post_account(ctx, req)
        return await self.bulk_delete(ctx, req)

    async def delete_account(self, ctx: Context, req: Request) -> Response:
        """Delete what the body lists; accounts themselves stay."""
        if req.arg("bulk-delete") is None:
            self.owned(ctx, req.params["account"], writing=True)
            raise MethodNotAllowed("The method DELETE is not allowed for accounts; with ?bulk-delete it deletes what the body lists.")
        return await self.bulk_delete(ctx, req)
