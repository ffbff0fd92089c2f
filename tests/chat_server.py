"""A local stand-in for an OpenAI-compatible endpoint: real HTTP, answers as the test wants them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Request = dict[str, object]
Reply = Callable[[Request], object]


def completion(text: str | None, finish: str = "stop") -> dict[str, object]:
    """A chat completion as servers send it."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "tiny", "choices": [choice]}


def asked(request: Request) -> str:
    """The text of the user's message, images left out."""
    content = request["messages"][-1]["content"]  # type: ignore[index]
    return content if isinstance(content, str) else content[0]["text"]


@dataclass(frozen=True)
class Raw:
    """A reply as it goes over the wire: ``body``, ``status``, and ``headers`` beside the usual."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class ChatServer:
    """``reply`` gets a request's body: a text is an answer, a dict a body, an int an HTTP status, bytes are
    sent as they are, ``Raw`` with its own status and headers, a float is a pause [s] after which it is asked
    again. ``requests`` keeps all."""

    def __init__(self, reply: Reply | str) -> None:
        self.reply: Reply = (lambda _: reply) if isinstance(reply, str) else reply
        self.requests: list[Request] = []
        self.keys: list[str] = []
        self.busy, self.most_busy = 0, 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer.requests.append(body)
                    outer.keys.append(self.headers.get("Authorization", ""))
                    outer.busy += 1
                    outer.most_busy = max(outer.most_busy, outer.busy)
                try:
                    made = outer.reply(body)
                    while isinstance(made, float):
                        if outer._ended.wait(made):
                            return  # nobody waits for this answer any more
                        made = outer.reply(body)
                finally:
                    with outer._lock:
                        outer.busy -= 1
                self._send(made)

            def _send(self, made: object) -> None:
                if isinstance(made, Raw):
                    self.send_response(made.status)
                    usual = {"Content-Type": "application/json", "Content-Length": str(len(made.body))}
                    for name, value in {**usual, **made.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(made.body)
                    return
                status = made if isinstance(made, int) else 200
                if isinstance(made, str) or made is None:
                    made = completion(made)
                if isinstance(made, int):
                    made = {"error": {"message": f"status {made}, key {self.headers.get('Authorization')}"}}
                raw = made if isinstance(made, bytes) else json.dumps(made).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if raw.startswith(b"<") else "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that gave up is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> ChatServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


def after(seconds: float, text: str) -> Reply:
    """Each request is answered with ``text``, ``seconds`` late."""
    waited: set[int] = set()

    def reply(request: Request) -> object:
        if id(request) in waited:
            return text
        waited.add(id(request))
        return seconds

    return reply
