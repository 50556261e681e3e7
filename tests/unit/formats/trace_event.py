"""The Trace Event Format as a schema, written down from the document "Trace Event Format" by the Chromium authors.

Each phase has its fields: name -> (types, whether it must be there). `problems` answers what is wrong with an event.
"""

from __future__ import annotations

from typing import Any

NUMBER, TEXT, INT, OBJECT = (int, float), (str,), (int,), (dict,)
ANY = {"name": (TEXT, True), "cat": (TEXT, False), "ph": (TEXT, True), "pid": (INT, True), "args": (OBJECT, False), "cname": (TEXT, False)}
TIMED = {**ANY, "ts": (NUMBER, True), "tid": (INT, True), "tts": (NUMBER, False)}
FLOW = {**TIMED, "id": ((int, str), True), "bp": (TEXT, False), "cat": (TEXT, True)}
PHASES: dict[str, dict[str, tuple[tuple[type, ...], bool]]] = {
    "B": TIMED,
    "E": {**TIMED, "name": (TEXT, False)},
    "X": {**TIMED, "dur": (NUMBER, True), "tdur": (NUMBER, False)},
    "i": {**TIMED, "s": (TEXT, False)},
    "C": {**TIMED, "tid": (INT, False), "id": ((int, str), False), "args": (OBJECT, True)},
    "s": FLOW,
    "t": FLOW,
    "f": FLOW,
    "M": {**ANY, "tid": (INT, False), "ts": (NUMBER, False), "args": (OBJECT, True)},
}
METADATA = {
    "process_name": ("name", str), "process_labels": ("labels", str), "process_sort_index": ("sort_index", int),
    "thread_name": ("name", str), "thread_sort_index": ("sort_index", int),
}


def problems(event: Any) -> list[str]:
    """What is wrong with one event; empty when it is valid."""
    if not isinstance(event, dict):
        return ["it is no object"]
    phase = event.get("ph")
    fields = PHASES.get(phase) if isinstance(phase, str) else None
    if fields is None:
        return [f"no phase {phase!r}"]
    found = [f"{name} is missing" for name, (_, needed) in fields.items() if needed and name not in event]
    found += [f"{name} does not belong to phase {phase}" for name in event if name not in fields]
    for name, value in event.items():
        types = fields.get(name, ((object,), False))[0]
        if not isinstance(value, types) or isinstance(value, bool):
            found.append(f"{name} is {value!r}")
    for name in ("ts", "dur"):
        if isinstance(event.get(name), NUMBER) and event[name] < 0:
            found.append(f"{name} is negative")
    return found + of_its_phase(event)


def of_its_phase(event: dict[str, Any]) -> list[str]:
    """What a phase asks for beyond types."""
    phase, args = event["ph"], event.get("args", {})
    if phase == "i" and event.get("s", "t") not in ("g", "p", "t"):
        return [f"scope {event['s']!r}"]
    if phase in "stf" and event.get("bp", "e") != "e":
        return [f"binding point {event['bp']!r}"]
    if phase == "C" and not (args and all(isinstance(value, NUMBER) for value in args.values())):
        return ["a counter counts numbers"]
    if phase == "M":
        key, kind = METADATA.get(event["name"], ("", object))
        if not key or not isinstance(args.get(key), kind):
            return [f"metadata {event['name']} with {args}"]
        if event["name"].startswith("thread") and "tid" not in event:
            return ["a thread's metadata names its thread"]
    return []
