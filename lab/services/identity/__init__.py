"""Identity (keystone): who there is, what they may do where, tokens, and the catalog."""

from lab.services.identity.api import IdentityApi, start

__all__ = ["IdentityApi", "start"]
