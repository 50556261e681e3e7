"""Bodies of requests: what they may hold, and what is said of those that hold something else.

Apart from the routes, so that a program that serves no API does not load pydantic.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from lab.errors import BadRequest
from lab.journal.masking import STARS, is_secret, star


class Schema(BaseModel):
    """What a body must be like."""

    @classmethod
    def read(cls, content: Any) -> Self:
        """Check a decoded body. Raises BadRequest."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise BadRequest(_explain(error)) from None


class Body(Schema):
    """A request body: unknown fields are refused, names may be aliases."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, defer_build=True)


def _explain(error: ValidationError) -> str:
    """The first mistake in one sentence: where, what value, what is wrong."""
    first = error.errors(include_url=False)[0]
    place = "/".join(str(p) for p in first["loc"]) or "body"
    if first["type"] == "extra_forbidden":
        return f"Invalid input for field/attribute {place}. Additional properties are not allowed"
    where = ("", "", *map(str, first["loc"]))
    given = first.get("input")
    secret = any(is_secret(given, key, parent) for parent, key in pairwise(where))
    value = STARS if secret else repr(star(given, where[-1]))
    shown = value if len(value) < 120 else value[:117] + "..."
    reason = first["msg"].replace(repr(given), STARS) if secret else first["msg"]
    return f"Invalid input for field/attribute {place}. Value: {shown}. {reason}"
