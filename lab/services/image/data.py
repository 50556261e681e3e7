"""The data of images: on its way in, on its way out, and how it is removed; the only caller of the image store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable

from lab.context import Context
from lab.errors import BadRequest, DriverError, Forbidden, NoSpace, TooLarge
from lab.process import Process
from lab.services.image.access import changeable
from lab.services.image.driver import ImageStore, StoredImage
from lab.services.image.model import (
    HASH_ALGORITHM,
    WITH_DATA,
    Image,
    ImageGone,
    ImageMember,
    ProtectedImage,
    check_formats,
    check_move,
)
from lab.services.image.upload import SIZE_MAX, Upload
from lab.store import Transaction

# glance-scrubber's wakeup_time: how often data that could not be removed is tried again.
SCRUB_INTERVAL_S = 300


class ImageData:
    """The bytes of images.

    Args:
        process: whose life this is.
        store: where the bytes lie, as the process reaches it (`process.drive`).
    """

    def __init__(self, process: Process, store: ImageStore) -> None:
        self.process, self._store = process, store

    async def upload(self, ctx: Context, image_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Save the image's data and make it active; when that fails the image is queued again.

        Raises:
            BadMove: the image has data already, or data is coming in.
            BadRequest: its formats are not set.
            TooLarge: the store is full.
            ImageGone: it was deleted meanwhile.
        """
        image = await self._begin(ctx, image_id)
        data = Upload(chunks)
        await self._save(ctx, image, self._store.put(image_id, data), data)

    async def upload_sparse(self, ctx: Context, image_id: str, size: int) -> None:
        """Save made-up data of a given size in bytes, which costs the simulator nothing; else as `upload`."""
        if not 0 <= size <= SIZE_MAX:
            raise BadRequest(f"The size of an image lies between 0 and {SIZE_MAX} bytes; {size} does not.")
        image = await self._begin(ctx, image_id)
        await self._save(ctx, image, self._store.put_sparse(image_id, size, image_id), None)

    async def _begin(self, ctx: Context, image_id: str) -> Image:
        def begin(tx: Transaction) -> Image:
            image = changeable(tx, ctx, image_id)
            check_move(image.status, "saving")
            check_formats(image)
            return tx.update(image, status="saving", updated_ns=self.process.runtime.now_ns())

        image = await self.process.store.run(begin)
        self.process.state(ctx, "image", image_id, "queued", "saving")
        return image

    async def _save(self, ctx: Context, image: Image, putting: Awaitable[StoredImage], data: Upload | None) -> None:
        stored: StoredImage | None = None
        try:
            stored = await putting
        except NoSpace as error:
            raise TooLarge(f"Image storage media is full: {error.message}") from error
        finally:
            # Also when the client hung up or the process is being stopped: nobody will come back to this upload.
            if stored is None:
                await self._restore(ctx, image.id)
        virtual = data.virtual_size(image.disk_format) if data is not None else None
        if virtual is None and image.disk_format == "raw":
            virtual = stored.size

        def finish(tx: Transaction) -> bool:
            now = tx.get(Image, image.id)
            if now is None or now.status != "saving":
                return False
            digests = {"checksum": stored.checksum, "os_hash_algo": HASH_ALGORITHM, "os_hash_value": stored.sha512}
            sizes = {"size": stored.size, "virtual_size": virtual}
            tx.update(now, status="active", updated_ns=self.process.runtime.now_ns(), **digests, **sizes)
            return True

        if not await self.process.store.run(finish):
            await self._store.delete(image.id)
            raise ImageGone(image.id)
        self.process.state(ctx, "image", image.id, "saving", "active")

    async def _restore(self, ctx: Context, image_id: str) -> None:
        def restore(tx: Transaction) -> bool:
            image = tx.get(Image, image_id)
            if image is None or image.status != "saving":
                return False
            tx.update(image, status="queued", size=None, virtual_size=None)
            return True

        if await self.process.store.run(restore):
            self.process.state(ctx, "image", image_id, "saving", "queued")

    def is_readable(self, ctx: Context, image: Image) -> bool:
        """Whether there is data that the caller can read.

        Raises:
            Forbidden: the image is deactivated and the caller is no administrator.
        """
        if image.status == "deactivated" and not ctx.is_admin:
            raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
        return image.status in WITH_DATA

    def read(self, image_id: str) -> AsyncIterator[bytes]:
        """Read the data from its beginning. Raises ImageError when the store lost it."""
        return self._store.read(image_id)

    # ------------------------------------------------------------------ removing

    async def delete(self, ctx: Context, image_id: str) -> None:
        """Remove the image for its users, then its data; data that cannot be removed now is tried again later."""

        def delete(tx: Transaction) -> Image:
            image = changeable(tx, ctx, image_id)
            if image.protected:
                raise ProtectedImage(image_id)
            check_move(image.status, "pending_delete")
            for member in tx.find(ImageMember, image_id=image_id):
                tx.delete(member)
            tx.update(image, status="pending_delete", updated_ns=self.process.runtime.now_ns())
            return image

        image = await self.process.store.run(delete)
        self.process.state(ctx, "image", image_id, image.status, "pending_delete")
        await self._erase(ctx, image_id, has_data=image.status != "queued")

    async def _erase(self, ctx: Context | None, image_id: str, has_data: bool = True) -> None:
        try:
            if has_data:
                await self._store.delete(image_id)
        except DriverError as error:
            self.process.log(ctx, f"Failed to delete the data of image {image_id}: {error.message}", "error")
            return

        def erase(tx: Transaction) -> None:
            image = tx.get(Image, image_id)
            if image is not None:
                tx.delete(image)

        await self.process.store.run(erase)
        self.process.state(ctx, "image", image_id, "pending_delete", "deleted")

    async def scrub(self) -> None:
        """Try again to remove the data of deleted images."""
        for image in await self.process.store.run(lambda tx: tx.find(Image, status="pending_delete")):
            await self._erase(None, image.id)

    async def recover(self) -> None:
        """Remove what an earlier life of this process left behind: deleted images, and data of no image."""
        await self.scrub()
        for image_id in await self._store.images():
            if await self.process.store.run(lambda tx, key=image_id: tx.get(Image, key)) is None:  # type: ignore[misc]
                await self._store.delete(image_id)
