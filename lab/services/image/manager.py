"""The use cases of images without their data: registering, finding, changing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.context import Context
from lab.errors import BadRequest, Conflict, Forbidden, TooLarge
from lab.process import Process
from lab.services.image.access import changeable, visible
from lab.services.image.data import ImageData
from lab.services.image.driver import ImageStore
from lab.services.image.listing import Query, fitting, in_order, in_sight, page, read_order
from lab.services.image.members import MemberManager
from lab.services.image.model import (
    PROPERTY_QUOTA,
    SETTABLE,
    TAG_QUOTA,
    UUID,
    WITH_DATA,
    Image,
    ImageMember,
    check_move,
)
from lab.services.image.patch import Change, apply
from lab.store import Transaction


class ImageManager:
    """Images, and the managers of their data and their members.

    Args:
        process: whose life this is.
        store: where the bytes lie, as the process reaches it (`process.drive`).
    """

    def __init__(self, process: Process, store: ImageStore) -> None:
        self.process = process
        self.data = ImageData(process, store)
        self.members = MemberManager(process)

    # ------------------------------------------------------------------ looking

    async def get(self, ctx: Context, image_id: str) -> Image:
        """The image, if it exists for the caller. Raises NoSuchImage."""
        return await self.process.store.run(lambda tx: visible(tx, ctx, image_id))

    async def find(self, ctx: Context, query: Query) -> tuple[list[Image], str | None]:
        """One page of the images that the query asks for, and the marker of the next. Raises BadRequest."""
        order = read_order(query)

        def read(tx: Transaction) -> tuple[Sequence[Image], dict[str, str]]:
            members = tx.find(ImageMember, member_id=ctx.project_id) if ctx.project_id else []
            shares = {member.image_id: member.status for member in members}
            ids = query.get("id", [""])[0]
            if ids.startswith("in:"):  # a look-up of a few, whatever else there is
                found = [tx.get(Image, image_id.strip()) for image_id in ids.removeprefix("in:").split(",")]
                return [image for image in found if image is not None], shares
            return tx.find(Image, name=query["name"][0]) if _is_plain_name(query) else tx.all(Image), shares

        images, shares = await self.process.store.run(read)
        return page(in_order(fitting(in_sight(ctx, images, query, shares), query, self.process.runtime), order), query)

    # ------------------------------------------------------------------ making and changing

    async def create(self, ctx: Context, attributes: dict[str, Any]) -> Image:
        """Register an image; its data comes later.

        Args:
            ctx: who asks; its project is the owner.
            attributes: checked against the schema; those that are not the image's own are its properties.

        Raises:
            Forbidden: for another owner, or public, without being an administrator.
            Conflict: the id is taken.
            TooLarge: more properties or tags than the quota.
        """
        own = {name: value for name, value in attributes.items() if name in (*SETTABLE, "id")}
        properties = {name: value for name, value in attributes.items() if name not in own}
        owner = own.pop("owner", None) or ctx.project_id or None
        if owner != (ctx.project_id or None) and not ctx.is_admin:
            raise Forbidden(f"You are not permitted to create images owned by '{owner}'.")
        image_id = own.pop("id", None) or self.process.uuid()
        if UUID.fullmatch(image_id) is None:
            raise BadRequest(f"Invalid image id format: {image_id}")
        now_ns = self.process.runtime.now_ns()
        tags = list(dict.fromkeys(own.pop("tags", ())))
        given = {**own, "tags": tags, "properties": properties}
        image = Image.make(id=image_id, status="queued", owner=owner, created_ns=now_ns, updated_ns=now_ns, **given)
        check_quotas(image)
        check_visibility(ctx, image.visibility)

        def create(tx: Transaction) -> Image:
            if tx.get(Image, image_id) is not None:
                raise Conflict(f"Image ID {image_id} already exists!")
            return tx.insert(image)

        created = await self.process.store.run(create)
        self.process.state(ctx, "image", image_id, None, "queued")
        return created

    async def update(self, ctx: Context, image_id: str, changes: list[Change]) -> Image:
        """Apply the operations of a PATCH, all or none."""

        def update(tx: Transaction) -> Image:
            image = changeable(tx, ctx, image_id)
            fields = apply(image, changes)
            if "owner" in fields and fields["owner"] != image.owner and not ctx.is_admin:
                raise Forbidden("Owner can't be updated by non admin.")
            if fields.get("visibility", image.visibility) != image.visibility:
                check_visibility(ctx, fields["visibility"])
            if not fields:
                return image
            changed = tx.update(image, **fields, updated_ns=self.process.runtime.now_ns())
            check_quotas(changed)
            return changed

        return await self.process.store.run(update)

    async def add_tag(self, ctx: Context, image_id: str, tag: str) -> None:
        """Mark the image with a word; a second time changes nothing."""

        def add(tx: Transaction) -> None:
            image = changeable(tx, ctx, image_id)
            if tag not in image.tags:
                check_quotas(tx.update(image, tags=[*image.tags, tag], updated_ns=self.process.runtime.now_ns()))

        await self.process.store.run(add)

    async def remove_tag(self, ctx: Context, image_id: str, tag: str) -> bool:
        """Take a mark off; answer whether it was there."""

        def remove(tx: Transaction) -> bool:
            image = changeable(tx, ctx, image_id)
            if tag not in image.tags:
                return False
            tags = [other for other in image.tags if other != tag]
            tx.update(image, tags=tags, updated_ns=self.process.runtime.now_ns())
            return True

        return await self.process.store.run(remove)

    async def set_active(self, ctx: Context, image_id: str, active: bool) -> None:
        """Deactivate an image, or take that back; a second time changes nothing.

        Raises:
            Forbidden: the image has no data yet.
        """
        target = "active" if active else "deactivated"

        def move(tx: Transaction) -> str:
            image = changeable(tx, ctx, image_id)
            if image.status not in WITH_DATA:
                verb = "reactivate" if active else "deactivate"
                raise Forbidden(f"Not allowed to {verb} image in status '{image.status}'")
            if image.status != target:
                check_move(image.status, target)
                tx.update(image, status=target, updated_ns=self.process.runtime.now_ns())
            return image.status

        old = await self.process.store.run(move)
        if old != target:
            self.process.state(ctx, "image", image_id, old, target)


def _is_plain_name(query: Query) -> bool:
    return bool(query.get("name")) and not query["name"][0].startswith(("in:", "eq:"))


def check_visibility(ctx: Context, visibility: str) -> None:
    """Raise Forbidden when the caller makes an image public without being an administrator."""
    if visibility == "public" and not ctx.is_admin:
        raise Forbidden("You are not authorized to complete publicize_image action.")


def check_quotas(image: Image) -> None:
    """Raise TooLarge when the image has more properties or tags than it may."""
    for what, count, limit in (
        ("properties", len(image.properties), PROPERTY_QUOTA),
        ("tags", len(image.tags), TAG_QUOTA),
    ):
        if count > limit:
            raise TooLarge(f"The limit has been exceeded on the number of allowed image {what}. Attempted: {count}, Maximum: {limit}")
