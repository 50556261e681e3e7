"""What lesson 03 looks for: nova-compute on compute-1 as it dies and comes back, and what its servers are like then."""

from __future__ import annotations

from collections.abc import Iterator

from lab.teach.lesson_checks import Missing, missing
from lab.teach.lesson_seen import Seen

HOST = "compute-1"
AGENT = f"nova-compute@{HOST}"
TASK = "OS-EXT-STS:task_state"
ON = "OS-EXT-SRV-ATTR:host"


def agents_up(seen: Seen) -> str:
    """How many nova-compute are up."""
    up = sum(1 for service in seen.services if service["binary"] == "nova-compute" and service["state"] == "up")
    return str(up) if up else ""


def wrong_count(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another number counts."""
    if not answer.isdecimal():
        yield missing("no-number", given=answer)
    elif int(answer) == len(seen.services):
        yield missing("all-services")
    else:
        yield missing("other", given=answer)


def state_of_agent(seen: Seen) -> str:
    """The state of nova-compute on the host, as nova knows it."""
    service = seen.service("nova-compute", HOST)
    return str(service["state"]) if service is not None else ""


def wrong_state(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another word is."""
    if answer == "up":
        yield missing("still-up")
    elif answer in {"enabled", "disabled"}:
        yield missing("status", given=answer)
    else:
        yield missing("no-state", given=answer)


def _not_active(seen: Seen, name: str) -> Iterator[Missing]:
    server = seen.server(name)
    if server is None:
        yield missing("no-server")
    elif server["status"] == "ERROR":
        yield missing("error", fault=(server.get("fault") or {}).get("message", ""))
    elif server["status"] != "ACTIVE":
        yield missing("on-dead" if server.get(ON) == HOST else "building", status=server["status"])


def made_elsewhere(seen: Seen) -> Iterator[Missing]:
    """A server is ACTIVE although one host's agent is dead."""
    yield from _not_active(seen, "cache")


def stop_asked(seen: Seen) -> Iterator[Missing]:
    """The server was asked to stop, and nobody is there to do it."""
    server = seen.server("web")
    asked = server is not None and (server.get(TASK) == "powering-off" or server["status"] == "SHUTOFF")
    if seen.alive(AGENT):
        yield missing("agent-back")
    elif not asked:
        yield missing("not-asked")


def stopped_after_restart(seen: Seen) -> Iterator[Missing]:
    """The agent is back and has read its letter."""
    server = seen.server("web")
    if not seen.alive(AGENT):
        yield missing("dead")
    elif server is None or server["status"] != "SHUTOFF":
        yield missing("not-yet", status="-" if server is None else server["status"])


def died_building(seen: Seen) -> Iterator[Missing]:
    """The agent took the build and died with it."""
    server = seen.server("late")
    if server is None:
        yield missing("no-server")
    elif server.get(ON) not in {HOST, None}:
        yield missing("elsewhere", host=server[ON])
    elif not seen.died(AGENT, "late"):
        yield missing("alive")


def task_of_late(seen: Seen) -> str:
    """What is being done with the server, as nova believes."""
    server = seen.server("late")
    return str(server.get(TASK) or "") if server is not None else ""


def wrong_task(seen: Seen, answer: str) -> Iterator[Missing]:
    """What another word is."""
    if answer.upper() in {"BUILD", "BUILDING", "ERROR", "ACTIVE"}:
        yield missing("status", given=answer)
    else:
        yield missing("no-task", given=answer)


def settled(seen: Seen) -> Iterator[Missing]:
    """The agent is back and has settled what it found."""
    server = seen.server("late")
    if not (seen.died(AGENT, "late") and seen.alive(AGENT)):
        yield missing("dead")
    elif server is not None and server["status"] == "BUILD":
        yield missing("not-yet")


def cleaned(seen: Seen) -> Iterator[Missing]:
    """The broken server is gone, and a new one runs."""
    late = [server for server in seen.servers if server["name"] == "late"]
    if any(server["status"] == "ERROR" for server in late):
        yield missing("still-error")
    elif not late:
        yield missing("gone")
    elif all(server["status"] != "ACTIVE" for server in late):
        yield missing("building", status=late[0]["status"])
