"""The MCP server: lists the tools, checks what a client sends, and answers. stdout is the protocol's "
"alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import ValidationError

from robomemory.checks import shown
from robomemory.errors import RoboMemoryError
from robomemory.front.door import Memory
from robomemory.serving.shapes import NOTICE
from robomemory.serving.tools import TOOLS, Tools, ToolSpec

_log = logging.getLogger(__name__)
MOST_AT_ONCE = 4
"""Calls that are answered at the same time; others wait."""

INSTRUCTIONS = (
    "The memory of a robot: things it saw, facts between them and when they held, steps, attempts and "
    "lessons. "
    "Begin with 'ask'. " + NOTICE
)


class MemoryServer:
    """Serves ``memory`` under ``name``; ``allowed``: what tools may need ("writes", "forget")."""

    def __init__(self, memory: Memory, name: str, version: str, allowed: frozenset[str]) -> None:
        self._specs = {s.name: s for s in TOOLS if not s.needed or s.needed in allowed}
        self._hidden = {s.name: s for s in TOOLS if s.name not in self._specs}
        self._tools = Tools(memory)
        self._at_once = anyio.CapacityLimiter(MOST_AT_ONCE)
        self._server: Server[Any] = Server(
            name, version=version, title="RoboMemory", instructions=INSTRUCTIONS,
            on_list_tools=self._list, on_call_tool=self._call,
        )  # fmt: skip

    @property
    def protocol(self) -> Server[Any]:
        """The server of the SDK, for a client in the same process."""
        return self._server

    async def serve_stdio(self) -> None:
        """Answers until stdin ends. While it runs, what else is printed goes to stderr."""
        async with stdio_server() as (reading, writing):
            options = self._server.create_initialization_options()
            await self._server.run(reading, writing, options)

    async def _list(self, context: object, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_described(spec) for spec in self._specs.values()])

    async def _call(self, context: object, params: CallToolRequestParams) -> CallToolResult:
        spec = self._specs.get(params.name)
        if spec is None:
            return _refused(self._unknown(params.name))
        try:
            arguments = spec.arguments.model_validate(params.arguments or {})
        except ValidationError as error:
            return _refused(_sentence(spec.name, error))
        work = partial(spec.bound(self._tools), arguments)
        try:
            result = await anyio.to_thread.run_sync(work, limiter=self._at_once)
        except RoboMemoryError as error:
            return _refused(str(error))
        except Exception:
            _log.exception("%s failed", spec.name)
            return _refused(f"{spec.name}: the memory failed; its log on stderr says why")
        return CallToolResult(
            content=[TextContent(type="text", text=result.model_dump_json())],
            structured_content=result.model_dump(mode="json"),
        )

    def _unknown(self, name: str) -> str:
        hidden = self._hidden.get(name)
        if hidden is not None:
            return f"{name} is not allowed; 'vista memory serve --allow-{hidden.needed}' allows it"
        return f"unknown tool {shown(name)}; known: {', '.join(self._specs)}"


def _described(spec: ToolSpec) -> Tool:
    hints = ToolAnnotations(
        read_only_hint=not spec.needed, destructive_hint=spec.name in ("retract", "forget"),
        idempotent_hint=not spec.needed, open_world_hint=False,
    )  # fmt: skip
    return Tool(
        name=spec.name, description=spec.about, input_schema=spec.arguments.model_json_schema(),
        output_schema=spec.result.model_json_schema(), annotations=hints,
    )  # fmt: skip


def _refused(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)


def _sentence(tool: str, error: ValidationError) -> str:
    """What is wrong with the arguments, in one sentence: the first thing, and how many more there are."""
    wrong: Sequence[Any] = error.errors(include_url=False, include_context=False)
    first = wrong[0]
    where = ".".join(str(part) for part in first["loc"]) or "arguments"
    value = "" if first["type"] == "missing" else f" {shown(first['input'])}"
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"{tool}: {where}{value}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}"
