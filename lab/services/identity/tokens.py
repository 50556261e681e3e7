"""Tokens: issued for a password or another token, checked by everybody, ended by time or by revocation.

The store keeps a digest of each token, so that nobody who reads it can use one. What a token is worth follows from
the records of the moment: a body that was built is remembered in memory and thrown away whenever a user, project,
role, assignment or endpoint changes.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar

from lab.process import Process
from lab.runtime import NANOSECOND
from lab.services.identity.auth import Login, Reference, Scope
from lab.services.identity.grants import is_usable, roles_of
from lab.services.identity.model import (
    AuthenticationFailed,
    Domain,
    NoSuchToken,
    Project,
    Token,
    User,
)
from lab.services.identity.passwords import Passwords
from lab.services.identity.worth import KnownToken, Worth, appraise
from lab.store import Transaction

T = TypeVar("T")

# No token lives longer, whatever the edge makes of its lifetime: dates end in the year 9999.
LIFETIME_MAX_S = 100 * 365 * 86_400

# After so many new tokens the ones that nobody can use any more are removed.
SWEEP_EVERY = 1000


def digest_of(secret: str) -> str:
    """What the store knows a token by."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class TokenManager:
    """Issues, checks and revokes tokens."""

    def __init__(self, process: Process, passwords: Passwords) -> None:
        self._process, self._passwords = process, passwords
        config = process.config
        self._window_ns = int(config.token_allow_expired_window_s * NANOSECOND)
        self._audit = process.random("audit")
        self._known: dict[str, KnownToken] = {}
        self._worth: dict[tuple[str, str, str], Worth] = {}
        self._issued = 0

    def new_id(self) -> str:
        """Draw an id in keystone's form: 32 hexadecimal digits."""
        return self._process.uuid().replace("-", "")

    def forget(self) -> None:
        """Look again at what tokens are worth: something that they speak of has changed."""
        self._known.clear()
        self._worth.clear()

    async def changed(self, write: Callable[[Transaction], T]) -> T:
        """Run a write that may change what tokens are worth."""
        result = await self._process.store.run(write)
        self.forget()
        return result

    # ------------------------------------------------------------------ checking

    async def check(self, secret: str, allow_expired: bool = False) -> KnownToken:
        """Say what a token is worth now.

        Args:
            secret: the token itself.
            allow_expired: also take tokens that ended less than the window of 48 hours ago.

        Raises:
            NoSuchToken: unknown, revoked, ended, or its user lost what it was for.
        """
        digest = digest_of(secret)
        known = self._known.get(digest)
        if known is None:
            known = await self._process.store.run(lambda tx: self._look(tx, tx.get(Token, digest)))
            known.context.token = secret
            self._known[digest] = known
        late_ns = self._process.runtime.now_ns() - self._end_ns(known.expires_ns)
        if late_ns >= 0 and not (allow_expired and late_ns < self._window_ns):
            raise NoSuchToken
        return known

    def _look(self, tx: Transaction, token: Token | None) -> KnownToken:
        if token is None:
            raise NoSuchToken
        place = (token.user_id, token.target, token.target_id)
        worth = self._worth.get(place)
        if worth is None:
            worth = self._worth[place] = appraise(tx, *place)
        return KnownToken(token, worth, self._process.runtime)

    async def revoke(self, secret: str) -> None:
        """End a token now. Raises NoSuchToken when it is worth nothing already."""
        known = await self.check(secret)
        await self._process.store.run(lambda tx: tx.delete(known.token))
        self._known.pop(known.token.digest, None)

    # ------------------------------------------------------------------ issuing

    async def issue(self, login: Login) -> tuple[str, KnownToken]:
        """Answer a login with a new token.

        Raises:
            AuthenticationFailed: whatever was wrong; the client never learns what.
        """
        parent = await self._parent(login)
        user = await self._process.store.run(lambda tx: self._find_user(tx, login, parent))
        if "password" in login.methods and not self._passwords.verify(login.password, user.password_hash):
            raise AuthenticationFailed
        secret = self._process.secret()
        now_ns = self._process.runtime.now_ns()
        methods, audit_ids, expires_ns = list(login.methods), [self._audit_id()], now_ns + self._lifetime_ns()
        if parent is not None:
            methods = list(dict.fromkeys((*methods, *parent.methods)))
            audit_ids.append(parent.audit_ids[-1])
            expires_ns = parent.expires_ns  # a token cannot prolong itself

        def create(tx: Transaction) -> KnownToken:
            target, target_id = self._find_target(tx, user, login.scope)
            token = Token.make(
                digest=digest_of(secret),
                user_id=user.id,
                methods=methods,
                audit_ids=audit_ids,
                issued_ns=now_ns,
                expires_ns=expires_ns,
                target=target,
                target_id=target_id,
            )
            try:
                known = self._look(tx, token)
            except NoSuchToken:
                raise AuthenticationFailed from None
            tx.insert(token)
            return known

        known = await self._process.store.run(create)
        known.context.token = secret
        self._known[known.token.digest] = known
        await self._sweep(now_ns)
        return secret, known

    async def _parent(self, login: Login) -> Token | None:
        """The token that the login shows as its proof."""
        if "token" not in login.methods:
            return None
        try:
            return (await self.check(login.token)).token
        except NoSuchToken:
            raise AuthenticationFailed from None

    def _find_user(self, tx: Transaction, login: Login, parent: Token | None) -> User:
        reference = login.user or Reference(id=parent.user_id if parent is not None else "")
        user = tx.get(User, reference.id) if reference.id else None
        if not reference.id:
            domain = find_domain(tx, Reference(reference.domain_id, reference.domain_name))
            user = tx.one(User, domain_id=domain.id, name=reference.name) if domain is not None else None
        if user is None or not is_usable(tx, user) or (parent is not None and parent.user_id != user.id):
            raise AuthenticationFailed
        return user

    @staticmethod
    def _find_target(tx: Transaction, user: User, scope: Scope | None) -> tuple[str, str]:
        """Turn the asked scope into a target; without one, the default project where the user has a role."""
        if scope is None:
            project_id = user.default_project_id
            project = tx.get(Project, project_id) if project_id else None
            if project is not None and project.enabled and roles_of(tx, user.id, "project", project.id):
                return "project", project.id
            return "", ""
        reference = scope.reference
        if scope.target == "project" and not reference.id:
            domain = find_domain(tx, Reference(reference.domain_id, reference.domain_name))
            project = tx.one(Project, domain_id=domain.id, name=reference.name) if domain is not None else None
            return "project", project.id if project is not None else ""
        if scope.target == "domain":
            domain = find_domain(tx, reference)
            return "domain", domain.id if domain is not None else ""
        return scope.target, reference.id

    def _lifetime_ns(self) -> int:
        config = self._process.config
        factor = max(config.token_lifetime_factor, self._process.runtime.stretched[0])
        return int(min(config.token_expiration_s * factor, LIFETIME_MAX_S)) * NANOSECOND

    def _end_ns(self, expires_ns: int) -> int:
        """When a token really ends: one that lived when the clock was made faster gets a whole lifetime from that instant."""
        factor, since_ns = self._process.runtime.stretched
        if factor > self._process.config.token_lifetime_factor and expires_ns > since_ns:
            return max(expires_ns, since_ns + self._lifetime_ns())
        return expires_ns

    def _audit_id(self) -> str:
        return urlsafe_b64encode(self._audit.getrandbits(128).to_bytes(16, "big")).rstrip(b"=").decode()

    async def _sweep(self, now_ns: int) -> None:
        self._issued += 1
        if self._issued % SWEEP_EVERY:
            return

        def sweep(tx: Transaction) -> None:
            for token in tx.all(Token):
                if self._end_ns(token.expires_ns) + self._window_ns < now_ns:
                    tx.delete(token)

        await self._process.store.run(sweep)
        self.forget()


def find_domain(tx: Transaction, reference: Reference) -> Domain | None:
    """The domain that a client named by id or by name."""
    return tx.get(Domain, reference.id) if reference.id else tx.one(Domain, name=reference.name)
