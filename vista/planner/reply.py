"""Reads what an OpenAI-compatible server sent: an answer, or one sentence that says why there is none.

Servers differ in how they fail. An error may come with status 200, a refusal as a message without content, a
limit as a header; each is told by its cause.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from vista.errors import VistaError
from vista.messages.plain_text import plain
from vista.messages.redaction import conceal
from vista.planner.language.answers import MalformedAnswerError
from vista.planner.language.reasoning import without_reasoning

MAX_BYTES = 4 * 1024 * 1024  # of a body: an answer of a few sentences is a thousandth of that
_SHOWN = 300
_WORTH_ANOTHER = (408, 409, 425, 429)  # and whatever is the server's own fault: 5xx
_MEANINGS = {
    400: "the request was refused",
    401: "the key is missing or wrong",
    402: "the account has no credit",
    403: "the key does not allow this",
    404: "no such address or model",
    413: "the request is too long",
    429: "rate limited",
}
_TEXTS = ("text", "output_text")
_THOUGHTS = ("thinking", "reasoning", "redacted_thinking", "thought")
_EXPECTED = "expected one JSON object with 'choices'"


class Unanswered(VistaError):
    """A server gave no answer to one request. ``again``: another attempt may get one, after ``wait_s`` [s]
    where the server said how long it wants to be left alone."""

    def __init__(self, what: str, *, again: bool = False, wait_s: float | None = None) -> None:
        super().__init__(conceal(plain(conceal(what), 600)))
        self.again, self.wait_s = again, wait_s


def read_reply(body: bytes, headers: Mapping[str, str], max_tokens: int) -> str:
    """The text of the first choice in the ``body`` of a reply with status 200, without the model's thoughts.

    Args:
        headers: Of the reply, names in lower case.
        max_tokens: How long an answer may be, for messages.

    Raises:
        Unanswered: no chat completion, or an error in its place.
        MalformedAnswerError: a completion without text: refused, filtered, cut off, a call of a tool.
    """
    choice = _choice(_document(body, headers), headers)
    message = choice.get("message")
    finish = choice.get("finish_reason")
    if not isinstance(message, Mapping):
        raise Unanswered(f"answered no chat completion: message is {_shown(message)}, expected an object")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        raise MalformedAnswerError(f"the model refused to answer: {_plain(refusal)}")
    if finish == "content_filter":
        raise MalformedAnswerError("the server's content filter withheld the answer (content_filter)")
    text = _text(message.get("content"))
    if finish == "length":
        raise MalformedAnswerError(f"answer cut off after {max_tokens} tokens (finish_reason 'length')")
    if calls := _calls(message):
        # Whatever text stands beside a call is no answer, but words that lead to the call.
        raise MalformedAnswerError(
            f"the model called {calls} in place of an answer; no tools are offered, expected text"
        )
    answer = without_reasoning(text).strip()
    if not answer:
        thought = text.strip() or any(message.get(k) for k in ("reasoning_content", "reasoning", "thinking"))
        why = "the model thought aloud and then gave no answer" if thought else "empty answer"
        ended = f" (finish_reason {_shown(finish)})" if finish not in (None, "stop") else ""
        raise MalformedAnswerError(f"{why}{ended}; expected text")
    return answer


def http_failure(status: int, body: bytes, headers: Mapping[str, str], moved_to: str = "") -> Unanswered:
    """What a reply with an HTTP ``status`` of failure means; ``moved_to``: where a redirect led."""
    wait_s = retry_after(headers)
    named = _MEANINGS.get(status, "the server failed" if status >= 500 else "")
    if 300 <= status < 400:
        named = f"redirected to {headers.get('location', 'nowhere')}; expected an address that answers itself"
    hint = f", retry after {wait_s:.3g} s" if wait_s is not None else ""
    moved = f" after a redirect to {moved_to}" if moved_to else ""
    said = reason_in(body)
    what = f"HTTP {status}{moved}: {named}{hint}" + (f": {said}" if said else "")
    return Unanswered(what, again=status in _WORTH_ANOTHER or status >= 500, wait_s=wait_s)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How long a server wants to be left alone [s], in any form it may say so; None if it does not."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        said = headers.get(name, "").strip()
        try:
            seconds = float(said) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        when = parsedate_to_datetime(headers.get("retry-after", ""))
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return max(0.0, math.ceil((when - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def reason_in(body: bytes) -> str:
    """What a body of any kind says, in one line: the message of a JSON error, the title of a page."""
    text = body[: 64 * 1024].decode("utf-8", "replace").strip()
    try:
        return _plain(error_text(json.loads(text)))
    except (ValueError, RecursionError):
        pass
    if text.startswith("<"):
        title = re.search(r"<(?:title|h1)[^>]{0,200}>([^<]{1,500})", text, re.IGNORECASE)
        text = "a page of HTML: " + (title[1] if title else re.sub(r"<[^>]{0,1000}>", " ", text))
    return _plain(text)


def error_text(error: object, depth: int = 4) -> str:
    """The words of an error object, wherever a server puts them, and its code or type."""
    if isinstance(error, str) or depth == 0:
        return str(error)
    if isinstance(error, list):
        return "; ".join(text for each in error[:3] if (text := error_text(each, depth - 1)))
    if not isinstance(error, Mapping):
        return "" if error is None or isinstance(error, bool) else str(error)
    for name in ("message", "error", "detail", "msg", "reason", "title", "description"):
        if text := error_text(error.get(name), depth - 1):
            code = error.get("code") or error.get("type") or error.get("status")
            return f"{text} ({code})" if isinstance(code, str | int) and str(code) not in text else text
    try:
        return json.dumps(error, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return "an error without a message"


def _document(body: bytes, headers: Mapping[str, str]) -> Mapping[str, object]:
    kind = headers.get("content-type", "")
    if not body.strip():
        raise Unanswered(f"answered no chat completion but an empty body; {_EXPECTED}", again=True)
    if kind.startswith("text/event-stream") or body.lstrip().startswith((b"data:", b"event:")):
        raise Unanswered(f"answered a stream of events, which nobody asked for; {_EXPECTED}")
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unanswered(f"answered no UTF-8 (at byte {error.start}); {_EXPECTED}") from None
    except (ValueError, RecursionError):
        said = reason_in(body)
        raise Unanswered(f"answered no chat completion, and no JSON, but {said!r}; {_EXPECTED}") from None
    if not isinstance(document, Mapping):
        raise Unanswered(f"answered no chat completion but {_shown(document)}; {_EXPECTED}")
    return document


def _choice(document: Mapping[str, object], headers: Mapping[str, str]) -> Mapping[str, object]:
    if error := document.get("error"):
        raise _told_error(error, headers)
    if "choices" not in document:
        said = error_text(document)
        raise Unanswered(f"answered no chat completion but {_plain(said)!r}; {_EXPECTED}")
    choices = document["choices"]
    if not isinstance(choices, list) or not choices:
        raise Unanswered(f"answered no chat completion: choices is {_shown(choices)}, expected a list of one")
    choice = choices[0]
    if not isinstance(choice, Mapping):
        raise Unanswered(f"answered no chat completion: choices[0] is {_shown(choice)}, expected an object")
    if error := choice.get("error"):
        raise _told_error(error, headers)
    return choice


def _told_error(error: object, headers: Mapping[str, str]) -> Unanswered:
    """An error in the place of an answer. Its code, if it has a number, counts as a status of HTTP."""
    code = error.get("code") if isinstance(error, Mapping) else None
    try:
        status = int(code) if isinstance(code, int | str) else 0
    except ValueError:
        status = 0
    said = error_text(error) or "an error without a message"
    wait_s = retry_after(headers)
    hint = f" (retry after {wait_s:.3g} s)" if wait_s is not None else ""
    again = status in _WORTH_ANOTHER or 500 <= status < 600 or wait_s is not None
    return Unanswered(f"answered with an error{hint}: {_plain(said)}", again=again, wait_s=wait_s)


def _text(content: object) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise MalformedAnswerError(f"the answer's content is {_shown(content)}, expected text")
    texts: list[str] = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping) and kind == "refusal":
            raise MalformedAnswerError(
                f"the model refused to answer: {_plain(error_text(part.get('refusal')))}"
            )
        elif isinstance(part, Mapping) and kind in _TEXTS and isinstance(part.get("text"), str):
            texts.append(str(part["text"]))
        elif kind not in _THOUGHTS:
            what = f"a part of type {_shown(kind)}" if isinstance(part, Mapping) else _shown(part)
            raise MalformedAnswerError(f"the answer's content holds {what}, expected parts of text")
    return "".join(texts)


def _calls(message: Mapping[str, object]) -> str:
    """The tools that a message calls, in words; empty if it calls none."""
    calls = message.get("tool_calls") or message.get("function_call")
    if not calls:
        return ""
    names = []
    for call in calls if isinstance(calls, list) else [calls]:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        names.append(_plain(name) if isinstance(name, str) else "without a name")
    return f"the tool {', '.join(names[:3])}"


def _plain(text: str) -> str:
    return conceal(plain(conceal(text), _SHOWN))


def _shown(value: object) -> str:
    """A value of JSON for a message, cut to some words."""
    try:
        return _plain(json.dumps(value, ensure_ascii=False))[:100]
    except (ValueError, TypeError, RecursionError):
        return f"a {type(value).__name__}"
