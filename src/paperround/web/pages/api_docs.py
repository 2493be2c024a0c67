"""`/docs`: the API for people, made from its OpenAPI description without scripts of others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from paperround.web.dependencies import render_page
from paperround.web.router import Router

router = Router(include_in_schema=False)


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    app: FastAPI = request.app
    return await render_page(request, None, "docs.html", groups=group_operations(app.openapi()))


def group_operations(openapi: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Group the operations by tag, each with its path, method, parameters and an example of its body."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            described = {"path": path, "method": method.upper(), **operation}
            described["parameters"] = [_describe_parameter(p) for p in operation.get("parameters", [])]
            described["body"] = _build_body(operation, openapi.get("components", {}).get("schemas", {}))
            groups.setdefault(operation["tags"][0], []).append(described)
    return groups


def _describe_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter.get("schema", {})
    examples = schema.get("examples") or []
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "description": parameter.get("description") or schema.get("description") or "",
        "default": schema.get("default"),
        "example": examples[0] if examples else None,
    }


def _build_body(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Build an example of the JSON that an operation takes, '' if it takes none.

    It is the example of the whole, else what the fields' own examples come to.
    """
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if not content:
        return ""
    schema = content["schema"]
    schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    fields = {
        name: field["examples"][0] for name, field in schema["properties"].items() if field.get("examples")
    }
    return json.dumps(next(iter(schema.get("examples", ())), fields), ensure_ascii=False)
