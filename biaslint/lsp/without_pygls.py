"""A language server that only says what to install, for when pygls is missing.

A server that ends at once is started again by the editor until it gives up and reports a crash, which tells nobody what to do.
"""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO

MESSAGE = "server missing; pip install 'biaslint[lsp]'"  # short, so that editors show all of it


def serve(source: BinaryIO, target: BinaryIO) -> int:
    """Answer the editor until it says `exit`; the exit status."""
    while (message := _read(source)) is not None:
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            _send(target, {"id": number, "result": {"capabilities": {}, "serverInfo": {"name": "biaslint"}}})
        elif method == "initialized":
            _send(target, {"method": "window/showMessage", "params": {"type": 1, "message": f"biaslint: {MESSAGE}"}})
        elif method == "shutdown":
            _send(target, {"id": number, "result": None})
        elif method == "exit":
            return 0
        elif number is not None and method is not None:
            _send(target, {"id": number, "error": {"code": -32601, "message": MESSAGE}})
    return 2


def _read(source: BinaryIO) -> dict[str, Any] | None:
    """The next message; None at the end, or where there is no message to be read."""
    size = 0
    while (line := source.readline()).strip():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            size = int(value)
    try:
        message = json.loads(source.read(size)) if size else None
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _send(target: BinaryIO, message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    target.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    target.flush()


def main() -> int:
    """Say it on the standard error for a person, and over the protocol for an editor."""
    print(f"biaslint: {MESSAGE}", file=sys.stderr, flush=True)
    return 2 if sys.stdin.isatty() else serve(sys.stdin.buffer, sys.stdout.buffer)
