"""Key pairs: the public keys that users put into their servers. They belong to users, not to projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import Conflict, NotFound, QuotaExceeded
from lab.services.compute import ssh_keys
from lab.services.compute.model import next_number
from lab.services.compute.quotas import limits_of
from lab.store import Field, Record

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction


class Keypair(Record):
    """A named public key of a user; `type` is ssh or x509."""

    __key__ = ("user_id", "name")
    __index__ = ("user_id",)

    user_id: str
    name: str = Field(max_length=255)
    number: int  # the `id` that the API shows
    public_key: str
    fingerprint: str
    created_at: str
    type: str = "ssh"


class KeypairNotFound(NotFound):
    """Keypair could not be found."""

    @classmethod
    def of(cls, name: str, user_id: str) -> KeypairNotFound:
        """Name the key pair and its user in nova's words."""
        return cls(f"Keypair {name} not found for user {user_id}")


class Keypairs:
    """The use cases of key pairs; the only writer of their records."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def import_key(self, ctx: Context, user_id: str, name: str, public_key: str, key_type: str = "ssh") -> Keypair:
        """Keep a public key that the user has made.

        Raises:
            BadRequest: it is no public key.
            Conflict: the user has a key pair of that name.
            QuotaExceeded: the user has as many key pairs as the project's quota allows.
        """
        mark = ssh_keys.certificate_fingerprint if key_type == "x509" else ssh_keys.ssh_fingerprint
        runtime, config = self._process.runtime, self._process.config
        values = {
            "user_id": user_id,
            "name": name,
            "type": key_type,
            "public_key": public_key,
            "fingerprint": mark(public_key),
            "created_at": runtime.iso_us(),
        }

        def insert(tx: Transaction) -> Keypair:
            limit = limits_of(tx, config, ctx.project_id)["key_pairs"]
            if 0 <= limit <= tx.count(Keypair, user_id=user_id):
                raise QuotaExceeded("Quota exceeded, too many key pairs.")
            if tx.get(Keypair, (user_id, name)) is not None:
                raise Conflict(f"Key pair '{name}' already exists.")
            record = Keypair.make(**values, number=next_number(tx, "keypair"))
            tx.insert(record)
            return record

        return await self._process.store.run(insert)

    async def generate(self, ctx: Context, user_id: str, name: str, key_type: str = "ssh") -> tuple[Keypair, str]:
        """Make a key pair for a client that cannot; return it and its private key, which is kept nowhere."""
        if key_type == "x509":
            public, private = ssh_keys.new_certificate(user_id, self._process.runtime.utc())
        else:
            public, private = ssh_keys.new_ssh_pair()
        return await self.import_key(ctx, user_id, name, public, key_type), private

    async def get(self, user_id: str, name: str) -> Keypair:
        """Return one key pair of the user, or raise KeypairNotFound."""
        found: Keypair | None = await self._process.store.run(lambda tx: tx.get(Keypair, (user_id, name)))
        if found is None:
            raise KeypairNotFound.of(name, user_id)
        return found

    async def find(self, user_id: str) -> list[Keypair]:
        """List the user's key pairs by name."""
        pairs = await self._process.store.run(lambda tx: tx.find(Keypair, user_id=user_id))
        return sorted(pairs, key=lambda pair: pair.name)

    async def delete(self, user_id: str, name: str) -> None:
        """Delete the key pair; servers that were made with it keep its name."""

        def remove(tx: Transaction) -> None:
            pair = tx.get(Keypair, (user_id, name))
            if pair is None:
                raise KeypairNotFound.of(name, user_id)
            tx.delete(pair)

        await self._process.store.run(remove)
