"""Requests made from the API's own description: valid ones, and the same with other ids or other text in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

from tests.gateway import Stack

UNKNOWN = {
    "case_no": "C-20260101-9999",
    "agent_id": "A9999",
    "conversation_id": "0" * 32,
    "attachment_id": "0" * 32,
    "number": "999999",
    "seq": "999999",
    "remedy_no": "999999",
    "run_no": "MR-20260101-99",
    "incident_no": "I-20260101-99",
}
"""Ids of the right shape that nothing has."""


@dataclass(frozen=True)
class Call:
    """A request that makes sense. ``body`` ``None``: the operation takes none."""

    operation: str
    path: str
    values: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    upload: bool = False

    @property
    def method(self) -> str:
        return self.operation.partition(" ")[0]

    def of(self, sender: str) -> Call:
        """The same from another sender."""
        query = {**self.query, "sender": sender} if "sender" in self.query else self.query
        body = {**self.body, "sender": sender} if isinstance(self.body, dict) and "sender" in self.body else self.body
        return replace(self, query=query, body=body)

    def about(self, **ids: str) -> Call:
        """The same with these ids, wherever they stand."""
        body = self.body
        if isinstance(body, dict):
            body = {**body, **{name: value for name, value in ids.items() if name in body}}
        return replace(
            self,
            values={**self.values, **{name: value for name, value in ids.items() if name in self.values}},
            query={**self.query, **{name: value for name, value in ids.items() if name in self.query}},
            body=body,
        )

    async def send(self, stack: Stack, headers: dict[str, str] | None = None) -> httpx.Response:
        content: dict[str, Any] = {"content": b"%PDF-"} if self.upload else {} if self.body is None else {"json": self.body}
        path = self.path.format(**self.values)
        return await stack.client.request(
            self.method, path, params=self.query, headers={**self.headers, **(headers or {})}, **content
        )


class Description:
    """The OpenAPI document of an application, read for requests."""

    def __init__(self, app: FastAPI) -> None:
        self.document = app.openapi()

    def operations(self) -> dict[str, dict[str, Any]]:
        paths: dict[str, dict[str, dict[str, Any]]] = self.document["paths"]
        return {f"{method.upper()} {path}": item for path, methods in paths.items() for method, item in methods.items()}

    def calls(self) -> dict[str, Call]:
        return {name: self.call(name) for name in self.operations()}

    def call(self, operation: str) -> Call:
        item = self.operations()[operation]
        found: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for parameter in item.get("parameters", []):
            if parameter["in"] == "path":
                found["path"][parameter["name"]] = UNKNOWN[parameter["name"]]
            elif parameter.get("required") or parameter["name"] in UNKNOWN:
                given = UNKNOWN.get(parameter["name"])
                in_header = parameter["in"] == "header"
                example = "a-key-1" if in_header else str(self.example(parameter["schema"]))
                found[parameter["in"]][parameter["name"]] = given or example
        content = item.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        body = None if schema is None else self.example(schema)
        path = operation.partition(" ")[2]
        return Call(
            operation, path, found["path"], found["query"], found["header"], body, upload=bool(content) and schema is None
        )

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            found: dict[str, Any] = self.document["components"]["schemas"][name]
            return found
        options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
        return self.resolved(options[0]) if options else schema

    def example(self, schema: dict[str, Any]) -> Any:
        """The simplest value of the schema, with every field that the document requires or that holds text."""
        schema = self.resolved(schema)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        match schema.get("type"):
            case "object":
                needed = set(schema.get("required", []))
                return {name: self.example(item) for name, item in schema.get("properties", {}).items() if name in needed}
            case "array":
                return []
            case "integer" | "number":
                return int(schema.get("minimum", 1)) or 1
            case "boolean":
                return False
            case _:
                moment = schema.get("format") == "date-time"
                return "2026-08-20T10:00:00+08:00" if moment else "文" * max(1, schema.get("minLength", 1))

    def numbers(self, schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Where a whole number may stand in a body."""
        schema = self.resolved(schema)
        if schema.get("type") == "object":
            for name, item in schema.get("properties", {}).items():
                yield from self.numbers(item, (*path, name))
        elif schema.get("type") == "integer":
            yield path

    def texts(self, schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Where free text may stand in a body."""
        schema = self.resolved(schema)
        if schema.get("type") == "object":
            for name, item in schema.get("properties", {}).items():
                yield from self.texts(item, (*path, name))
        elif schema.get("type") == "string" and not {"enum", "const", "format"} & set(schema):
            yield path


def all_routes(app: FastAPI) -> set[str]:
    """Every route of the application, described or not."""
    return set(_names(app.routes))


def _names(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _names(inner.routes, prefix)
            continue
        path = prefix + getattr(route, "path", "")
        methods = getattr(route, "methods", None)
        if methods is None:
            yield f"SOCKET {path}"
        else:
            yield from (f"{method} {path}" for method in methods - {"HEAD"})


def with_value(body: Any, path: tuple[str, ...], value: str | int) -> Any:
    """``body`` with ``value`` at ``path``; what is missing on the way is made."""
    if not path:
        return value
    filled = dict(body) if isinstance(body, dict) else {}
    filled[path[0]] = with_value(filled.get(path[0]), path[1:], value)
    return filled
