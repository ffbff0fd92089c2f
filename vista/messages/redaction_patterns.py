"""Hides what looks like a secret by its shape: in addresses, parameters, headers and fields."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

HIDDEN: Final = "***"

# "http://user:password@host", also with the slashes of JSON ("\/"). A password may hold "/", "?" and "#"
# though it should not; then what precedes it is no host with a port.
_SCHEME = r"(?P<scheme>\b[a-z][a-z0-9+.\-]{0,30}:(?:\\{0,8}/){2})"
_ADDRESS = re.compile(
    _SCHEME
    + r"(?:[^\s/?#]{0,1000}@|[^\s/?#@:]{0,60}:(?!\d{1,5}(?:[/?#]|$))[^\s@]{0,1000}@(?:[^\s/?#@]{0,200}@)?)",
    re.IGNORECASE,
)
_ENCODED_ADDRESS = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.\-]{0,30}%(?:25){0,4}3a(?:%(?:25){0,4}2f){2})"
    r"(?:(?!%(?:25){0,4}2f)[^\s&]){0,300}(?P<at>%(?:25){0,4}40)",
    re.IGNORECASE,
)
_NO_SLASHES = re.compile(
    r"(?P<scheme>\b(?:postgres(?:ql)?|https?|wss?|ftp|mysql|mariadb|redis|mongodb|amqp|socks[45]?h?):/?)"
    r"[^\s/:@]{0,100}:[^\s@]{1,1000}@",
    re.IGNORECASE,
)
_NO_SCHEME = re.compile(
    r"(?<![\w.%+\-:/*])(?P<user>[\w.%+\-]{1,100}):[^\s@/:'\"]{3,200}@(?P<host>[\w.\-]{3})"
)

_CERTAIN = (
    r"(?:[\w\-]{0,40}[_\-])?(?:api[_\-]?key|access[_\-]?key|secret[_\-]?key|private[_\-]?key|subscription[_\-]?key|"
    r"token|password|passwd|passphrase|pwd|secret|credentials?|signature)"
)
_IN_QUERY = rf"(?:{_CERTAIN}|key|sig|auth|authorization|access|pass|session(?:id)?|sid)"
_VALUE = r"(?:\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'|[^\s&;,\"'<>()\[\]{}#]+)"
_QUERY = re.compile(
    rf"(?P<name>(?:[?&;]|%3f|%26|&amp;){_IN_QUERY}(?:=|%(?:25){{0,4}}3d))(?P<value>[^\s&;\"'<>#]+)",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(rf"(?P<name>(?<![\w\-]){_CERTAIN}\s?=\s?)(?P<value>{_VALUE})", re.IGNORECASE)
_QUOTE = r"(?:\\{0,8}[\"']|&(?:amp;){0,4}(?:quot|apos|#34|#39|#x22|#x27);)"
_FIELD = re.compile(
    rf"(?P<name>{_QUOTE}(?:{_CERTAIN}|authorization|x-api-key|cookie|set-cookie){_QUOTE}\s{{0,4}}[:,=]\s{{0,4}}b?)"
    rf"(?P<open>{_QUOTE})(?:(?!{_QUOTE})[^\n]){{1,2000}}(?P<close>{_QUOTE})",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<name>(?<![\w\-])(?:(?:proxy-)?authorization|(?:[\w\-]{0,40}-)?api-key|x-auth-token|(?:set-)?cookie)"
    r"\\{0,8}[\"']?\s?[:=,]\s?(?:b(?=[\"']))?\\{0,8}[\"']?)(?P<scheme>(?:bearer|basic|token|apikey|digest|negotiate)\s{1,4})?"
    r"(?P<value>[^\s,;\"'<>]+)",
    re.IGNORECASE,
)
# As a line of YAML has it; an ordinary sentence may follow the name of an entry as well.
_ENTRY = re.compile(
    r"(?P<name>(?<![\w\-])(?:[\w\-]{0,40}[_\-])?(?:api[_\-]?key|access[_\-]?key|secret[_\-]?key|password|passwd|"
    r"(?:access|auth)[_\-]?token)\s?:\s{1,4})(?!(?:expected|missing|is|not|no|must|the|a|an|and|or|none|null)\b)"
    rf"(?P<value>{_VALUE})",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"(?P<name>\bbearer(?:\s|:|=|%(?:25){0,4}20|\+|\\{1,8}[nrt]){1,8})(?!(?:tokens?|auth\w*|keys?|is|was|of|in|and|or)\b)"
    r"(?P<value>[^\s,;\"'<>]+)",
    re.IGNORECASE,
)
_BASIC = re.compile(r"(?P<name>\bbasic\s{1,4})(?P<value>[A-Za-z0-9+/_\-]{4,}={0,2})", re.IGNORECASE)
# Keys of well-known services, and JSON web tokens.
_WELL_KNOWN = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_\-]{16,}|(?:hf|gsk|ghp|gho|ghs|glpat|xoxb|xoxp|nvapi)[_\-][A-Za-z0-9_\-]{16,}|"
    r"github_pat_\w{20,}|AIza[A-Za-z0-9_\-]{30,}|A[KS]IA[A-Z0-9]{16}|"
    r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*)"
)


def conceal_shapes(text: str) -> str:
    """``text`` with :data:`HIDDEN` in place of whatever has the shape of a secret."""
    if "@" in text:
        text = _ADDRESS.sub(rf"\g<scheme>{HIDDEN}@", text)
        text = _NO_SLASHES.sub(rf"\g<scheme>{HIDDEN}@", text)
        text = _NO_SCHEME.sub(rf"\g<user>:{HIDDEN}@\g<host>", text)
    if "%" in text:
        text = _ENCODED_ADDRESS.sub(rf"\g<scheme>{HIDDEN}\g<at>", text)
    text = _QUERY.sub(rf"\g<name>{HIDDEN}", text)
    text = _ASSIGNED.sub(_unquoted, text)
    text = _FIELD.sub(rf"\g<name>\g<open>{HIDDEN}\g<close>", text)
    text = _HEADER.sub(_header, text)
    text = _ENTRY.sub(_unquoted, text)
    text = _BEARER.sub(rf"\g<name>{HIDDEN}", text)
    text = _BASIC.sub(_basic, text)
    return _WELL_KNOWN.sub(HIDDEN, text)


def _unquoted(match: re.Match[str]) -> str:
    value = match["value"]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match['name']}{quote}{HIDDEN}{quote}"


def _header(match: re.Match[str]) -> str:
    return f"{match['name']}{match['scheme'] or ''}{HIDDEN}"


def _basic(match: re.Match[str]) -> str:
    """Hide "user:password" in base64; "basic" is an ordinary word as well."""
    value = match["value"].rstrip("=")
    try:
        pair = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_")
        pair = pair if b":" in pair else base64.b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return match[0]
    return f"{match['name']}{HIDDEN}" if b":" in pair else match[0]
