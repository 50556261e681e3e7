"""A message as other tools know it: a REST request as `curl`, an RPC as the envelope that oslo.messaging puts on the wire."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import orjson

from lab.journal import Entry
from lab.journal.masking import STARS, star
from lab.watch.lanes import binary

PREFIXES: Mapping[str, str] = {
    "keystone": "identity", "glance": "image", "placement": "placement", "nova-api": "compute", "neutron-api": "network",
    "cinder-api": "volume", "swift-proxy": "object",
}
"""Which part of the cloud's URL a service has."""


def body_of(entry: Entry) -> Any:
    """The body as JSON values, secrets starred once more: a file may come from anywhere."""
    return star(entry.json())


def curl(entry: Entry, url: str = "") -> str:
    """The request as a command for a shell; the token is taken from the environment."""
    prefix = PREFIXES.get(binary(entry.target), "")
    base = url or "http://127.0.0.1:8774"
    words = ["curl", "-s", *(["-X", entry.name] if entry.name != "GET" else []), shlex.quote(f"{base}/{prefix}{entry.where}")]
    if "/auth/tokens" not in entry.where or entry.name != "POST":
        words += ["\\\n  -H", '"X-Auth-Token: $OS_TOKEN"']
    if entry.request_id:
        words += ["\\\n  -H", shlex.quote(f"X-OpenStack-Request-ID: {entry.request_id}")]
    body = body_of(entry)
    if body is not None:
        words += ["\\\n  -H", "'Content-Type: application/json'", "\\\n  -d", shlex.quote(orjson.dumps(body).decode())]
    return " ".join(words).replace(" \\\n", " \\\n")


def envelope(entry: Entry) -> dict[str, Any]:
    """The message as it lies in RabbitMQ: an outer envelope with a version, the message inside as a string.

    Source: oslo_messaging/_drivers/common.py (serialize_msg) and rpc/client.py (_make_message).
    """
    note = entry.note or {}
    method = entry.name.partition("(")[0]  # the journal adds an object's method, which stands in the arguments
    args = body_of(entry)
    message: dict[str, Any] = {
        "method": method,
        "args": args if args is not None else {},
        "version": note.get("version", "1.0"),
        "_context_request_id": entry.request_id or None,
        "_context_auth_token": STARS,
    }
    if entry.kind == "rpc_call":
        message |= {"_msg_id": f"(of call {entry.seq})", "_reply_q": f"reply_{binary(entry.source)}"}
    return {"oslo.version": "2.0", "oslo.message": message}


def reply_envelope(entry: Entry) -> dict[str, Any]:
    """A reply as it lies in the caller's queue."""
    failed = entry.status.startswith("fail")
    body = body_of(entry)
    inner = {"result": None if failed else body, "failure": body if failed else None, "ending": True}
    return {"oslo.version": "2.0", "oslo.message": inner | {"_msg_id": f"(of call {entry.parent})"}}


def headers(entry: Entry) -> dict[str, str]:
    """The headers that belong to a REST message, the token starred."""
    found = {"X-Openstack-Request-Id": entry.request_id} if entry.request_id else {}
    if entry.kind == "rest" and not (entry.name == "POST" and "/auth/tokens" in entry.where):
        found["X-Auth-Token"] = STARS
    if entry.body is not None:
        found["Content-Type"] = "application/json"
        found["Content-Length"] = str(len(entry.body_bytes()))
    return found
