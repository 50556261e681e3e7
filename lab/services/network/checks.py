"""What a port may not be: rights of its fields, and port security against groups and address pairs."""

from __future__ import annotations

from lab.context import Context
from lab.services.network.attributes import privileged
from lab.services.network.errors import (
    AddressPairAndPortSecurityRequired,
    DuplicateAddressPairInRequest,
    PolicyNotAuthorized,
    PortSecurityPortHasSecurityGroup,
)
from lab.services.network.model import Json, Network, Port

OWNERS_ONLY = ("mac_address", "port_security_enabled", "allowed_address_pairs")


def check_rights(ctx: Context, network: Network, content: Json) -> None:
    """Refuse what only the network's owner and administrators may choose. Raises PolicyNotAuthorized.

    Source: neutron/conf/policies/port.py (admin or network owner).
    """
    if privileged(ctx) or network.project_id == ctx.project_id:
        return
    for name in OWNERS_ONLY:
        if content.get(name):
            raise PolicyNotAuthorized(action=f"(rule:create_port and (rule:create_port:{name}))")
    if content.get("device_owner", "").startswith("network:"):
        raise PolicyNotAuthorized(action="(rule:create_port and (rule:create_port:device_owner))")
    if any("ip_address" in fixed for fixed in content.get("fixed_ips") or ()):
        raise PolicyNotAuthorized(action="(rule:create_port and (rule:create_port:fixed_ips:ip_address))")


def check_security(port: Port) -> None:
    """Refuse groups and address pairs on a port without port security."""
    if port.port_security_enabled:
        return
    if port.allowed_address_pairs:
        raise AddressPairAndPortSecurityRequired
    if port.security_groups:
        raise PortSecurityPortHasSecurityGroup


def address_pairs(pairs: list[Json], mac: str) -> list[Json]:
    """Return the pairs with the port's MAC where none was given. Raises DuplicateAddressPairInRequest."""
    found: list[Json] = []
    for pair in pairs:
        address = pair["ip_address"]
        full = {"mac_address": pair.get("mac_address", mac), "ip_address": _short(address)}
        if full in found:
            raise DuplicateAddressPairInRequest(**full)
        found.append(full)
    return found


def _short(prefix: str) -> str:
    """Spell a single address without its prefix length."""
    return prefix.removesuffix("/32") if ":" not in prefix else prefix.removesuffix("/128")
