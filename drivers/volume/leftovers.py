"""What a pool of volumes leaves behind, and its removal: our files in our directory, and nothing else in it."""

from __future__ import annotations

from drivers.sweep import Trace
from drivers.volume.layers import BASE, SNAPSHOT, VOLUME
from drivers.volume.pool import Pool
from lab.errors import VolumeError


def is_ours(name: str) -> bool:
    """Whether the file has a name as we give them."""
    return any(name.startswith(start) and name != start for start in (VOLUME, BASE, SNAPSHOT))


async def found(pool: Pool, cloud: str) -> list[Trace]:
    """List the cloud's files, then its directory; nothing in a directory without its mark."""
    if await pool.do("its owner was asked", pool.files.owner) != cloud:
        return []
    names = [name for name in await pool.do("it was listed", pool.files.names) if is_ours(name)]
    files = [Trace("volume file", pool.files.url(name), f"a volume of {cloud}") for name in names]
    return [*files, Trace("directory", pool.where, f"the volumes of {cloud}")]


async def remove(pool: Pool, cloud: str, trace: Trace) -> None:
    """Remove one of these. Raises VolumeError for anything else, and for a directory that holds anything else."""
    whose = await pool.do("its owner was asked", pool.files.owner)
    if trace.name != pool.where:
        name = trace.name.rpartition("/")[2]
        if whose != cloud or pool.files.url(name) != trace.name or not is_ours(name):
            raise VolumeError(f"{trace.name} is not the cloud {cloud}'s; it is left as it is")
        await pool.unlink(name)
        return
    others = await pool.do("it was listed", lambda: names(pool))
    if others is None:
        return
    if whose != cloud:
        raise VolumeError(f"{pool.where} is not the cloud {cloud}'s; it is left as it is")
    if others:
        raise VolumeError(f"{pool.where} holds {', '.join(others[:3])}, which nobody of ours made; move that away first")
    await pool.do("it was removed", pool.files.give_up)


def names(pool: Pool) -> list[str] | None:
    """List what is in the directory, or None when there is none."""
    try:
        return pool.files.names()
    except FileNotFoundError:
        return None
