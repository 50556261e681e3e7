"""What all handlers of identity share: the manager, the shape of lists, and how a body becomes a record's fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from lab.process import Process
from lab.rest import Api, Request
from lab.services.identity.filters import narrow, page
from lab.services.identity.manager import IdentityManager
from lab.services.identity.views import entity_view

# Attributes of keystone's entities that clients send back but that are not stored.
NOT_STORED = frozenset({"links", "id", "is_domain", "region", "explicit_domain_id", "password", "password_hash"})


class IdentityHandlers(Api):
    """Base of the groups of handlers that `IdentityApi` brings together."""

    service = "identity"
    refusal: ClassVar[str] = "You are not authorized to perform the requested action: {service}:{handler}."

    def __init__(self, process: Process, manager: IdentityManager) -> None:
        super().__init__(process)
        self.manager = manager
        self.root = self.url("/v3")

    def show(self, name: str, record: Any) -> dict[str, Any]:
        """The answer that holds one entity."""
        return {name: entity_view(record, self.root)}

    def collect(self, name: str, records: Sequence[Any], request: Request, filters: Sequence[str]) -> dict[str, Any]:
        """The answer that holds a list: filtered and cut as the query says.

        Args:
            name: of the list, 'projects'.
            records: all that the caller may see.
            request: its query narrows and cuts the list.
            filters: the fields that the list can be filtered by.
        """
        kept = narrow(records, filters, request.query)
        cut, marker = page(kept, request.arg("limit"), request.arg("marker"), [record.id for record in kept])
        return self.listing(name, [entity_view(record, self.root) for record in cut], request, marker)

    def listing(self, name: str, views: list[dict[str, Any]], request: Request, marker: str | None = None) -> dict[str, Any]:
        """A list with keystone's links around it."""
        here = self.url(request.path)
        following = f"{here}?marker={marker}&limit={request.arg('limit')}" if marker else None
        query = f"?{request.query_string}" if request.query_string else ""
        return {name: views, "links": {"self": here + query, "previous": None, "next": following}}


def fields_of(entity: BaseModel, record: type[Any]) -> dict[str, Any]:
    """What a body says, as fields of a record: known ones by name, the rest as extra attributes.

    Only what the client sent is there, so that the same function serves creation and change; and only what the body's
    model declares reaches a field, so that nobody can send a password's hash.
    """
    sent = entity.model_dump(exclude_unset=True)
    fields = record.fields().keys() & type(entity).model_fields.keys() - {"id"}
    known = {name: value for name, value in sent.items() if name in fields}
    for name, value in known.items():
        # A null empties a text; a list or a mapping cannot be null here.
        if value is None and record.fields()[name] is str:
            known[name] = ""
    extra = {name: value for name, value in sent.items() if name not in known and name not in NOT_STORED}
    return {**known, "extra": extra} if extra else known
