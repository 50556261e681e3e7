"""Passwords: hashed by bcrypt for the store, remembered as verified for a while in memory."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

import bcrypt

# keystone's [identity] max_password_length
MAX_LENGTH = 4096


def _squeeze(password: str) -> bytes:
    """Bring any password below bcrypt's limit of 72 bytes, without the zero bytes at which bcrypt stops."""
    return b64encode(hashlib.sha256(password.encode(errors="surrogatepass")).digest())


class Passwords:
    """Hash and verify passwords.

    Verifying costs `2**cost` rounds. A service user that comes back with the password that was right a moment
    ago is recognised by a keyed digest that lives in this process's memory only, under a key that nobody else
    has: thousands of agents log in at a boot, and a dictionary look-up each is enough.

    Args:
        cost: bcrypt's, from 4 (cheapest, the simulator's default) to 31.
        key: a secret of this process.
    """

    def __init__(self, cost: int, key: str) -> None:
        self._cost, self._key = cost, key.encode()
        self._right: dict[str, bytes] = {}  # stored hash -> keyed digest of the password that matches it

    def hash(self, password: str) -> str:
        """Return what the store may keep."""
        hashed = bcrypt.hashpw(_squeeze(password), bcrypt.gensalt(self._cost)).decode()
        self._right[hashed] = self._digest(password)
        return hashed

    def verify(self, password: str, hashed: str | None) -> bool:
        """Say whether the password belongs to the hash; no hash is never right."""
        if not hashed or len(password) > MAX_LENGTH:
            return False
        digest = self._digest(password)
        known = self._right.get(hashed)
        if known is not None and hmac.compare_digest(known, digest):
            return True
        if not bcrypt.checkpw(_squeeze(password), hashed.encode()):
            return False
        self._right[hashed] = digest
        return True

    def forget(self, hashed: str | None) -> None:
        """Drop the memory of a hash that is no longer stored."""
        if hashed:
            self._right.pop(hashed, None)

    def _digest(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode(errors="surrogatepass"), "sha256")
