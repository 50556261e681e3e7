"""The OpenAPI description of every route table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.rest.api import Api
from lab.rest.routes import Route

Named = Mapping[str, type[Api]]
"""The APIs by the prefix under which the edge serves them."""


def openapi(apis: Named) -> dict[str, Any]:
    """Every route, under its service's prefix; of the body schemas of several microversions the newest."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for prefix, api in apis.items():
        for route in api.routes:
            path = f"/{prefix}{route.path.replace(':path', '')}"
            paths.setdefault(path, {})[route.method.lower()] = _operation(prefix, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Glasscloud", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(prefix: str, route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    version = "_".join(map(str, route.since))
    operation: dict[str, Any] = {
        "tags": [prefix],
        "operationId": f"{prefix}_{route.handler}_{route.method.lower()}_{version}",
        "summary": route.summary or route.handler.replace("_", " "),
        "parameters": [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in route.names],
        "responses": {str(route.success): {"description": "success"}},
    }
    model = route.body[-1][1] if isinstance(route.body, tuple) else route.body
    if model is not None:
        schema = model.model_json_schema(ref_template=f"#/components/schemas/{prefix}.{{model}}")
        schemas.update({f"{prefix}.{name}": part for name, part in schema.pop("$defs", {}).items()})
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}, "required": True}
    return operation
