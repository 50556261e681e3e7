"""Which image a caller reaches: the look-ups with which every use case begins."""

from __future__ import annotations

from lab.context import Context
from lab.errors import Forbidden
from lab.services.image.model import Image, ImageMember, NoSuchImage, may_change, may_see
from lab.store import Transaction


def visible(tx: Transaction, ctx: Context, image_id: str) -> Image:
    """The image if it exists for the caller. Raises NoSuchImage."""
    image = tx.get(Image, image_id)
    if image is None or image.status == "pending_delete":
        raise NoSuchImage(image_id)
    # Most images are public or the caller's own: members are looked up only when they matter.
    if may_see(ctx, image, False) or (ctx.project_id and may_see(ctx, image, tx.get(ImageMember, (image_id, ctx.project_id)) is not None)):
        return image
    raise NoSuchImage(image_id)


def changeable(tx: Transaction, ctx: Context, image_id: str) -> Image:
    """The image if the caller may change it. Raises NoSuchImage when it may not even see it, Forbidden else."""
    image = visible(tx, ctx, image_id)
    if not may_change(ctx, image):
        raise Forbidden(f"You are not permitted to modify image {image_id}; only its owner is.")
    return image
