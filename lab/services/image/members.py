"""Sharing images with other projects: the use cases."""

from __future__ import annotations

from lab.context import Context
from lab.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge
from lab.process import Process
from lab.services.image.access import visible
from lab.services.image.model import MEMBER_QUOTA, MEMBER_STATUSES, Image, ImageMember, may_change
from lab.store import Transaction


class MemberManager:
    """Members of shared images: the owner adds and removes them, each of them accepts or rejects."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def members(self, ctx: Context, image_id: str) -> list[ImageMember]:
        """All members to the owner; to a member only itself."""

        def read(tx: Transaction) -> list[ImageMember]:
            image = self._shared(tx, ctx, image_id)
            found = tx.find(ImageMember, image_id=image_id)
            return found if self._is_owner(ctx, image) else [one for one in found if one.member_id == ctx.project_id]

        return await self._process.store.run(read)

    async def member(self, ctx: Context, image_id: str, member_id: str) -> ImageMember:
        """One member. Raises NotFound when there is none, or when it is not the caller's business."""

        def read(tx: Transaction) -> ImageMember:
            image = self._shared(tx, ctx, image_id)
            found = self._need(tx, image_id, member_id)
            if not self._is_owner(ctx, image) and member_id != ctx.project_id:
                raise no_such_member(image_id, member_id)
            return found

        return await self._process.store.run(read)

    async def add(self, ctx: Context, image_id: str, member_id: str) -> ImageMember:
        """Share an image with a project, which has yet to accept it."""
        now_ns = self._process.runtime.now_ns()

        def add(tx: Transaction) -> ImageMember:
            image = self._shared(tx, ctx, image_id)
            if not may_change(ctx, image):
                raise Forbidden(f"Not allowed to create members for image {image_id}.")
            if tx.get(ImageMember, (image_id, member_id)) is not None:
                raise Conflict(f"Member {member_id} is duplicated for image {image_id}")
            count = tx.count(ImageMember, image_id=image_id)
            if count >= MEMBER_QUOTA:
                raise TooLarge(f"Image member limit exceeded for image {image_id}: Maximum {MEMBER_QUOTA}.")
            return tx.insert(
                ImageMember.make(image_id=image_id, member_id=member_id, status="pending", created_ns=now_ns, updated_ns=now_ns)
            )

        return await self._process.store.run(add)

    async def answer(self, ctx: Context, image_id: str, member_id: str, status: str) -> ImageMember:
        """Let a member say what it thinks of the image: 'accepted' puts it into the member's lists."""
        if status not in MEMBER_STATUSES:
            raise BadRequest(f"Incorrect request: Status must be one of: {', '.join(MEMBER_STATUSES)}; not {status}.")
        now_ns = self._process.runtime.now_ns()

        def answer(tx: Transaction) -> ImageMember:
            self._shared(tx, ctx, image_id)
            member = self._need(tx, image_id, member_id)
            if member_id != ctx.project_id and not ctx.is_admin:
                raise Forbidden("You are not permitted to modify 'status' on this image member.")
            return tx.update(member, status=status, updated_ns=now_ns)

        return await self._process.store.run(answer)

    async def remove(self, ctx: Context, image_id: str, member_id: str) -> None:
        """Share an image with a project no longer."""

        def remove(tx: Transaction) -> None:
            image = self._shared(tx, ctx, image_id)
            if not may_change(ctx, image):
                raise Forbidden("You cannot delete image member.")
            tx.delete(self._need(tx, image_id, member_id))

        await self._process.store.run(remove)

    @staticmethod
    def _shared(tx: Transaction, ctx: Context, image_id: str) -> Image:
        image = visible(tx, ctx, image_id)
        if image.visibility != "shared":
            raise Forbidden("Only shared images have members.")
        return image

    @staticmethod
    def _need(tx: Transaction, image_id: str, member_id: str) -> ImageMember:
        member = tx.get(ImageMember, (image_id, member_id))
        if member is None:
            raise no_such_member(image_id, member_id)
        return member

    @staticmethod
    def _is_owner(ctx: Context, image: Image) -> bool:
        return ctx.is_admin or image.owner == ctx.project_id


def no_such_member(image_id: str, member_id: str) -> NotFound:
    """The error of a project with which the image is not shared."""
    return NotFound(f"{member_id} not found in the member list of the image {image_id}.")
