"""All that the processes of one cloud share: runtime, journal, store, medium, broker and router; and their lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.config import Config
from lab.journal import Journal
from lab.medium import Instant, Interference, Medium, Passing, Verdict
from lab.process import Process
from lab.runtime import Runtime
from lab.store import MemoryStore, Store

if TYPE_CHECKING:
    from lab.rest.router import Router
    from lab.rpc.broker import Broker

Factory = Callable[[Process], None]


@dataclass
class Wires:
    """One cloud's wiring, and the switchboard by which processes are started, killed, hung and restarted."""

    runtime: Runtime
    config: Config = field(default_factory=Config)
    medium: Medium = field(default_factory=Instant)
    store: Store = field(default_factory=MemoryStore)
    interference: Interference | None = None
    mq_host: str = "controller-1"
    journal: Journal = field(init=False)
    router: Router = field(init=False)
    broker: Broker = field(init=False)
    processes: dict[str, Process] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    make_broker: Callable[[Wires], Broker] | None = None
    """Makes another broker than the one in memory."""
    make_router: Callable[[Wires], Router] | None = None
    """Makes another router than the one within this program."""
    _factories: dict[str, tuple[str, str, Factory]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from lab.rest.router import Router
        from lab.rpc.broker import Broker

        self.journal = Journal(self.runtime)
        self.router = (self.make_router or Router)(self)
        self.broker = (self.make_broker or Broker)(self)
        self.medium.on_change(self.broker.retry)

    def start(self, binary: str, host: str, factory: Factory) -> Process:
        """Start a process for the first time; its factory registers what it serves and spawns its work."""
        name = f"{binary}@{host}"
        self._factories[name] = (binary, host, factory)
        return self.restart(name)

    def restart(self, name: str) -> Process:
        """Start a process that is dead (or running: then it is killed first) by the same factory."""
        self.need(name)
        old = self.processes.get(name)
        if old is not None:
            old.kill()
        binary, host, factory = self._factories[name]
        self.lives[name] = self.lives.get(name, 0) + 1
        process = self.processes[name] = Process(self, binary, host)
        self.journal.add("process", name, name, "start", status="up", note={"life": self.lives[name]})
        factory(process)
        return process

    def kill(self, name: str) -> None:
        """Cut a process's power; a dead one stays dead."""
        self._act(name, "kill", "down", self._process(name).alive)

    def hang(self, name: str) -> None:
        """Stop a process in its tracks; `resume` lets it go on. A dead or hung one stays as it is."""
        process = self._process(name)
        self._act(name, "hang", "hung", process.alive and not process.hung)

    def resume(self, name: str) -> None:
        """Let a hung process go on; one that does not hang stays as it is."""
        self._act(name, "resume", "up", self._process(name).hung)

    def _act(self, name: str, verb: str, status: str, changes: bool) -> None:
        if changes:
            self.journal.add("process", name, name, verb, status=status)
            getattr(self.processes[name], verb)()

    def _process(self, name: str) -> Process:
        self.need(name)
        return self.processes[name]

    def need(self, name: str) -> None:
        """Raise KeyError with the known names when there is no such process."""
        if name not in self._factories:
            known = sorted(self._factories)
            raise KeyError(f"no process {name!r}; known: {', '.join(known[:20])}{' …' if len(known) > 20 else ''}")

    def judge(self, kind: str, source: str, target: str, name: str, where: str, seq: int) -> Verdict | None:
        """What interference, when there is any, does to a message or driver call that is about to happen."""
        return self.interference.judge(Passing(kind, source, target, name, where, seq)) if self.interference is not None else None

    def woken(self, process: Process) -> None:
        """A hung process goes on: hand it what waited for it."""
        self.broker.retry()
        self.router.retry(process)
