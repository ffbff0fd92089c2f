"""How one request to a server failed, when it is worth another attempt, and what is said in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vista.planner.reply import Unanswered, http_failure

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0


def failure_of(error: BaseException, limit_s: float) -> Unanswered:
    """What ``error`` means that a transport raised; ``limit_s`` [s] is what one attempt may take."""
    if isinstance(error, Unanswered):
        return error
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and response is not None:
        return http_failure(status, _body(response), _headers(response), _moved_to(response))
    chain = _chain(error)
    if any(isinstance(each, TimeoutError) or "Timeout" in type(each).__name__ for each in chain):
        return Unanswered(f"no answer within {limit_s:.3g} s, which is what one attempt may take", again=True)
    said = dict.fromkeys(text for each in chain if (text := str(each).strip().rstrip(".")))
    what = ": ".join(said) or type(error).__name__
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    broken = bool(names & {"APIConnectionError", "TransportError", "OSError"})
    root = type(chain[-1]).__name__
    return Unanswered(f"cannot be asked: {what} ({root})", again=broken)


def pause_before(attempt: int, failure: Unanswered) -> float:
    """How long to wait after attempt number ``attempt`` [s]: as the server wants, else longer each time."""
    if failure.wait_s is not None:
        return failure.wait_s
    return min(_FIRST_PAUSE_S * 2.0 ** min(attempt, 10), _LONGEST_PAUSE_S)


def failures_text(failures: Sequence[Unanswered]) -> str:
    """One sentence for all attempts: the last failure, and the first where it is another."""
    if len(failures) < 2:
        return str(failures[-1]) if failures else "not asked"
    first, last = str(failures[0]), str(failures[-1])
    return f"{last} ({len(failures)} attempts{f'; the first: {first}' if first != last else ''})"


def _chain(error: BaseException) -> list[BaseException]:
    """``error`` and what caused it, at most five."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and len(chain) < 5 and all(link is not known for known in chain):
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def _headers(response: object) -> dict[str, str]:
    headers = getattr(response, "headers", None)
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _body(response: object) -> bytes:
    try:
        content = response.content  # type: ignore[attr-defined]
    except Exception:  # it was not read, or not read to its end
        return b""
    return content if isinstance(content, bytes) else b""


def _moved_to(response: object) -> str:
    return str(getattr(response, "url", "")) if getattr(response, "history", None) else ""
