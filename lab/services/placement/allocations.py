"""The use cases of allocations: who holds what on which provider.

A claim is one transaction: what the consumers held is given back, what they ask for is checked against
what then is left, and the generations of the providers and consumers count up. It happens whole or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.errors import BadRequest, NotFound
from lab.services.placement.manager import need_provider
from lab.services.placement.model import (
    UNKNOWN_TYPE,
    Allocation,
    ConcurrentUpdate,
    Consumer,
    ResourceProvider,
    Resources,
    UnknownClass,
    check_claim,
    check_units,
    plus,
    without,
)
from lab.services.placement.names import need_class
from lab.services.placement.standard import STANDARD_CLASSES

if TYPE_CHECKING:
    from lab.process import Process
    from lab.store import Transaction

INCOMPLETE = "00000000-0000-0000-0000-000000000000"
"""The project and user of consumers made before 1.8. Source: placement's incomplete_consumer_*_id options."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one consumer shall hold from now on: nothing else than `resources`, by provider."""

    consumer: str
    resources: Mapping[str, Resources]
    project_id: str = INCOMPLETE
    user_id: str = INCOMPLETE
    generation: int | None = None
    check_generation: bool = True
    consumer_type: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a consumer holds, each part with the provider it is on."""

    consumer: Consumer | None
    parts: list[tuple[Allocation, ResourceProvider]] = field(default_factory=list)


class Allocations:
    """The only writer of consumers and allocations, and of what providers have given away."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def held_by(self, consumer: str) -> Held:
        """What a consumer holds; nobody is no error."""

        def read(tx: Transaction) -> Held:
            parts = [(a, tx.need(ResourceProvider, a.provider_uuid)) for a in tx.find(Allocation, consumer_uuid=consumer)]
            return Held(tx.get(Consumer, consumer), parts)

        return await self._process.store.run(read)

    async def held_on(self, provider: str) -> tuple[ResourceProvider, list[tuple[Allocation, Consumer]]]:
        """What is held on a provider, and by whom; NotFound when there is no such provider."""

        def read(tx: Transaction) -> tuple[ResourceProvider, list[tuple[Allocation, Consumer]]]:
            record = tx.get(ResourceProvider, provider)
            if record is None:
                raise NotFound(f"Resource provider '{provider}' not found: No resource provider with uuid {provider} found")
            found = tx.find(Allocation, provider_uuid=provider)
            return record, [(a, tx.need(Consumer, a.consumer_uuid)) for a in found]

        return await self._process.store.run(read)

    async def replace(self, claims: Sequence[Claim], *, several: bool = False) -> None:
        """Give each consumer what it claims in place of what it held; all of them, or none.

        Args:
            claims: one for each consumer; empty resources give everything back.
            several: the request named several consumers, which words its errors differently.

        Raises:
            ConcurrentUpdate: a consumer is at another generation than the caller believes.
            ClaimRefused: a provider cannot give what is asked.
            BadRequest: a provider or a resource class does not exist.
        """
        now = self._process.runtime.now_ns()
        await self._process.store.run(lambda tx: replace_claims(tx, claims, now, several=several))

    async def release(self, consumer: str) -> None:
        """Give back all that a consumer holds; NotFound when it holds nothing."""

        def delete(tx: Transaction) -> None:
            held = tx.find(Allocation, consumer_uuid=consumer)
            if not held:
                raise NotFound(f"No allocations for consumer '{consumer}'")
            for allocation in held:
                tx.delete(allocation)
                provider = tx.need(ResourceProvider, allocation.provider_uuid)
                tx.update(provider, used=without(provider.used, allocation.resources))
            record = tx.get(Consumer, consumer)
            if record is not None:
                tx.delete(record)

        await self._process.store.run(delete)

    async def usages(self, project: str, user: str | None) -> dict[str, tuple[int, Resources]]:
        """How many consumers of a project (and user) hold how much, by type of consumer."""

        def read(tx: Transaction) -> dict[str, tuple[int, Resources]]:
            total: dict[str, tuple[int, Resources]] = {}
            for consumer in tx.find(Consumer, project_id=project):
                if user is not None and consumer.user_id != user:
                    continue
                kind = consumer.consumer_type or UNKNOWN_TYPE
                count, resources = total.get(kind, (0, {}))
                for allocation in tx.find(Allocation, consumer_uuid=consumer.uuid):
                    resources = plus(resources, allocation.resources)
                total[kind] = (count + 1, resources)
            return total

        return await self._process.store.run(read)


def replace_claims(tx: Transaction, claims: Sequence[Claim], now_ns: int, *, several: bool) -> None:
    """Do `Allocations.replace` inside a transaction."""
    consumers = [(claim, _consumer(tx, claim)) for claim in claims]
    providers: dict[str, ResourceProvider] = {}
    for claim in claims:
        _check_names(tx, claim, providers, several=several)
    left: dict[str, Resources] = {}
    named = set(providers)
    for claim, consumer in consumers:
        for held in tx.find(Allocation, consumer_uuid=claim.consumer) if consumer is not None else ():
            uuid = held.provider_uuid
            if uuid not in providers:
                providers[uuid] = tx.need(ResourceProvider, uuid)
            left[uuid] = without(left.get(uuid, providers[uuid].used), held.resources)
            tx.delete(held)
            if not claim.resources:
                named.add(uuid)
    wanted: dict[str, Resources] = {}
    for claim in claims:
        for uuid, resources in claim.resources.items():
            check_units(providers[uuid], resources)
            wanted[uuid] = plus(wanted[uuid], resources) if uuid in wanted else resources
    for uuid, provider in providers.items():
        rest, more = left.get(uuid, provider.used), wanted.get(uuid, {})
        check_claim(provider, more, rest)
        # As upstream, a provider counts up when it is named, not when somebody only moved away from it.
        tx.update(provider, used=plus(rest, more), revision=provider.revision + (uuid in named))
    for claim, consumer in consumers:
        _book(tx, claim, consumer, now_ns)


def _consumer(tx: Transaction, claim: Claim) -> Consumer | None:
    """The consumer's record if it has one, after the check of the generation that the caller believes."""
    consumer = tx.get(Consumer, claim.consumer)
    if claim.check_generation:
        if consumer is not None and consumer.revision != claim.generation:
            raise ConcurrentUpdate(f"consumer generation conflict - expected {consumer.revision} but got {claim.generation}")
        if consumer is None and claim.generation is not None:
            raise ConcurrentUpdate(f"consumer generation conflict - expected null but got {claim.generation}")
    return consumer


def _check_names(tx: Transaction, claim: Claim, providers: dict[str, ResourceProvider], *, several: bool) -> None:
    """Find the providers that a claim names, and refuse names that do not exist."""
    for uuid, resources in claim.resources.items():
        provider = providers.get(uuid) or tx.get(ResourceProvider, uuid)
        if provider is None:
            raise BadRequest(f"Allocation for resource provider '{uuid}' that does not exist.")
        providers[uuid] = provider
        for name in resources:
            if name in STANDARD_CLASSES:
                continue
            try:
                need_class(tx, name)
            except UnknownClass as error:
                whom = "" if several else f"for consumer {claim.consumer}: "
                raise BadRequest(f"Unable to allocate inventory {whom}{error.message}") from None


def _book(tx: Transaction, claim: Claim, consumer: Consumer | None, now_ns: int) -> None:
    """Write a consumer's allocations and its generation; who holds nothing is forgotten."""
    if not claim.resources:
        if consumer is not None:
            tx.delete(consumer)
        return
    for uuid, resources in claim.resources.items():
        tx.insert(Allocation.make(consumer_uuid=claim.consumer, provider_uuid=uuid, resources=resources, created_ns=now_ns))
    if consumer is None:
        tx.insert(
            Consumer.make(
                uuid=claim.consumer,
                project_id=claim.project_id,
                user_id=claim.user_id,
                consumer_type=claim.consumer_type,
                revision=1,
            )
        )
    else:
        tx.update(
            consumer,
            project_id=claim.project_id,
            user_id=claim.user_id,
            consumer_type=claim.consumer_type or consumer.consumer_type,
            revision=consumer.revision + 1,
        )


__all__ = ["Allocations", "Claim", "Held", "need_provider", "replace_claims"]
