"""What lesson 02 looks for: the server `web`, and the request that made it, message by message in the journal."""

from __future__ import annotations

from collections.abc import Iterator

from lab.teach.lesson_checks import Missing, missing
from lab.teach.lesson_seen import Seen

BLOCK = len("req-01234567")


def created(seen: Seen) -> Iterator[Missing]:
    """The server is ACTIVE."""
    server = seen.server("web")
    if server is None:
        yield missing("no-server")
    elif server["status"] == "ERROR":
        yield missing("error", fault=(server.get("fault") or {}).get("message", ""))
    elif server["status"] != "ACTIVE":
        yield missing("building", status=server["status"])


def request_of_web(seen: Seen) -> str:
    """The id of the request that made it."""
    made = seen.creation("web")
    return made[0].request_id if made else ""


def wrong_request(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another id is of; nothing is wrong with the first block of the right one."""
    server = seen.server("web")
    right = request_of_web(seen)
    if len(answer) >= BLOCK and right.startswith(answer):
        return
    if server is not None and server["id"].startswith(answer):
        yield missing("uuid")
    elif len(answer) >= 2 and (right.startswith(answer) or right.removeprefix("req-").startswith(answer)):
        yield missing("partial")
    elif any(entry.request_id == answer for entry in seen.entries):
        yield missing("other-request")
    else:
        yield missing("no-id", given=answer)


def _trace(seen: Seen) -> list[tuple[str, str, str, str]]:
    """The messages of the creation: (kind, source, target, name) with processes without their hosts."""
    entries = seen.of_request(request_of_web(seen))
    return [(e.kind, e.source.partition("@")[0], e.target.partition("@")[0], e.name) for e in entries]


def status_of_create(seen: Seen) -> str:
    """The status of the answer to the request."""
    made = seen.creation("web")
    return made[1].status if made else ""


def wrong_status(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another status belongs to."""
    if answer == "200":
        yield missing("poll")
    elif answer == "201":
        yield missing("port")
    else:
        yield missing("no-status", given=answer)


def method_of_build(seen: Seen) -> str:
    """The message by which nova-compute gets the work."""
    to_agent = [name for kind, _, target, name in _trace(seen) if kind == "rpc_cast" and target == "nova-compute"]
    return to_agent[0] if to_agent else ""


def wrong_method(seen: Seen, answer: str) -> Iterator[Missing]:
    """Whom another message was for."""
    targets = [target for kind, _, target, name in _trace(seen) if name == answer and kind in {"rpc_cast", "rpc_call"}]
    if "nova-conductor" in targets:
        yield missing("to-conductor", given=answer)
    elif "nova-scheduler" in targets:
        yield missing("to-scheduler", given=answer)
    else:
        yield missing("no-message", given=answer)


def host_of_web(seen: Seen) -> str:
    """The host that the scheduler chose."""
    server = seen.server("web")
    return str((server or {}).get("OS-EXT-SRV-ATTR:host") or "")


def wrong_host(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another name is."""
    hosts = {str(service["host"]): str(service["binary"]) for service in seen.services}
    if hosts.get(answer) == "nova-compute":
        yield missing("other-host", given=answer)
    elif answer in hosts:
        yield missing("controller", given=answer)
    else:
        yield missing("no-host", given=answer)


def status_of_port(seen: Seen) -> str:
    """The status with which neutron answered the request for a port."""
    entries = seen.of_request(request_of_web(seen))
    asked = {e.seq for e in entries if e.kind == "rest" and e.name == "POST" and e.where.partition("?")[0] == "/v2.0/ports"}
    return next((e.status for e in entries if e.kind == "rest_reply" and e.parent in asked), "")


def wrong_port_status(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another status belongs to."""
    if answer == "202":
        yield missing("accepted")
    elif answer == "200":
        yield missing("ok")
    else:
        yield missing("no-status", given=answer)


def _calls(seen: Seen) -> dict[str, int]:
    """The driver calls of the creation, and how long the longest of each name took (ns)."""
    calls: dict[str, int] = {}
    for entry in seen.of_request(request_of_web(seen)):
        if entry.kind == "driver_reply":
            calls[entry.name] = max(entry.duration, calls.get(entry.name, 0))
    return calls


def longest_call(seen: Seen) -> str:
    """The driver call that took longest."""
    calls = _calls(seen)
    return max(calls, key=lambda name: calls[name]) if calls else ""


def wrong_call(seen: Seen, answer: str) -> Iterator[Missing]:
    """How long another one took."""
    calls = _calls(seen)
    if answer in calls:
        yield missing("shorter", given=answer, seconds=f"{calls[answer] / 1e9:.3f}")
    else:
        yield missing("no-call", given=answer)


def deleted(seen: Seen) -> Iterator[Missing]:
    """The server was deleted, by a request of this step."""
    asked = any(e.kind == "rest" and e.name == "DELETE" and e.where.startswith("/v2.1/servers/") for e in seen.since("delete"))
    if not asked:
        yield missing("not-asked")
    elif seen.server("web") is not None:
        yield missing("still-there")
