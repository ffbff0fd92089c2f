"""No text holds a key or a password, however it is spelled there."""

from __future__ import annotations

import base64
import html
import json
import logging
import shlex
import threading
import time
import urllib.parse
from collections.abc import Callable
from xml.sax import saxutils

import pytest

from vista.errors import ConfigError
from vista.messages.redaction import conceal, register, register_address

KEY = "sk-Geheim/7+x&\"q'ü=42"
TORN = "tok-first-half\ntok-second-half"

SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda s: s,
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda s: repr(s.encode()),
    "repr twice": lambda s: repr(repr(s)),
    "unicode_escape": lambda s: s.encode("unicode_escape").decode(),
    "json": json.dumps,
    "json, raw letters": lambda s: json.dumps(s, ensure_ascii=False),
    "json in json": lambda s: json.dumps(json.dumps(s)),
    "html": html.escape,
    "html twice": lambda s: html.escape(html.escape(s)),
    "xml": saxutils.quoteattr,
    "references": lambda s: s.encode("ascii", "xmlcharrefreplace").decode(),
    "shell": shlex.quote,
    "percent": lambda s: urllib.parse.quote(s, safe=""),
    "percent twice": lambda s: urllib.parse.quote(urllib.parse.quote(s, safe="")),
    "plus": urllib.parse.quote_plus,
    "hexadecimal": lambda s: s.encode().hex(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, URL-safe": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64, in lines": lambda s: base64.encodebytes(s.encode() * 4).decode(),
    "basic": lambda s: "Basic " + base64.b64encode(f"user:{s}".encode()).decode(),
    "basic of a longer name": lambda s: "Basic " + base64.b64encode(f"robots:{s}".encode()).decode(),
    "bearer": lambda s: f"Authorization: Bearer {s}",
    "upper case": str.upper,
    "one line": lambda s: " ".join(s.split()),
}


def pieces(secret: str) -> list[str]:
    """What of ``secret`` must not be left: any eight characters in a row, in a few spellings."""
    made = [secret, secret.encode().hex(), urllib.parse.quote(secret, safe="")]
    made += [base64.b64encode(b"\0" * i + secret.encode()).decode()[4:] for i in range(3)]
    return [text[i : i + 8] for text in made for i in range(0, max(1, len(text) - 8), 4)]


@pytest.mark.parametrize("secret", [KEY, TORN, "plain-key-0123456789", "x" * 300 + "y" * 300])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_registered_secret_is_hidden_in_every_spelling(secret, spelling):
    register(secret)
    text = f"the server said: {SPELLINGS[spelling](secret)} (and went)"
    shown = conceal(text)
    assert "***" in shown
    assert shown.startswith("the server said: ")
    assert shown.endswith("(and went)")
    for piece in pieces(secret):
        assert piece not in shown
    assert conceal(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pass@host:8000/v1", "http://***@host:8000/v1"),
        ("http://user:p@ss@host/", "http://***@host/"),
        ("redis://:pa/ss@host", "redis://***@host"),
        ("postgresql://me:pw@[::1]:5432/memory", "postgresql://***@[::1]:5432/memory"),
        ('"http:\\/\\/user:pass@host\\/v1"', '"http:\\/\\/***@host\\/v1"'),
        ("http%3A%2F%2Fuser%3Apass%40host", "http%3A%2F%2F***%40host"),
        ("https://host/v1?api_key=abc&n=1", "https://host/v1?api_key=***&n=1"),
        ("https://host/?token=abc#x", "https://host/?token=***#x"),
        ("https://host/?key=abc", "https://host/?key=***"),
        ("https://host/?a=1&password=abc", "https://host/?a=1&password=***"),
        ("password='hun ter 2'", "password='***'"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("{'Authorization': 'Bearer abc def'}", "{'Authorization': '***'}"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("x-api-key: abc", "x-api-key: ***"),
        ("Bearer abc", "Bearer ***"),
        ("while parsing api_key: abc: x", "while parsing api_key: *** x"),
        ("db-password: 'a b'", "db-password: '***'"),
        ("user:hunter@localhost:5555", "user:***@localhost:5555"),
        ("no sk-proj-abcdefghijklmnop here", "no *** here"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_unregistered(text, shown):
    assert conceal(text) == shown
    assert conceal(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "put the blue mug in the tray",
        "unknown robot 'panda'; known: kuka",
        "api_key_env='OPENAI_API_KEY', max_tokens=300, token_limit='max_tokens'",
        "https://host:8000/@scope/x",
        "see http://localhost:8000/v1 and mail me@example.org",
        "--suite basic manipulation",
        "the bearer token is missing",
        "key: expected a name",
        "password: missing; api_key: expected text",
        "at 12:30 the arm moved",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert conceal(text) == text


def test_short_secrets_are_hidden_where_they_stand_alone_and_nowhere_else():
    register("ab1")
    register("mug4")
    assert conceal("ab1 in the lab1 of mug4 and mug42") == "ab1 in the lab1 of *** and mug42"
    assert conceal("Incorrect API key provided: ab1.") == "Incorrect API key provided: ***."
    assert conceal("key 'ab1'") == "key '***'"
    for nothing in ("", " ", "none", "EMPTY", "***", "*"):
        register(nothing)
    assert conceal("none of them is EMPTY * ") == "none of them is EMPTY * "


def test_the_password_of_an_address_is_known_by_itself():
    register_address("http://robot:open%20sesame@host:8000/v1")
    assert "sesame" not in conceal("login of robot with 'open sesame' failed")
    register_address("not an address")
    register_address("http://[")


def test_nothing_is_raised_whatever_comes():
    for odd in (None, 5, b"x", ["a"]):
        register(odd)  # type: ignore[arg-type]
        assert isinstance(conceal(odd), str)  # type: ignore[arg-type]
    for text in (
        "\ud800",
        "\0",
        "a" * 100_000,
        "http://" * 5_000,
        "'" * 50_000,
        "\\" * 50_000,
        "&amp;" * 20_000,
    ):
        begin = time.monotonic()
        assert isinstance(conceal(text), str)
        assert time.monotonic() - begin < 20


def test_threads_may_register_while_others_conceal():
    errors: list[BaseException] = []

    def work(i: int) -> None:
        try:
            for k in range(20):
                secret = f"threaded-secret-{i}-{k}"
                register(secret)
                assert secret not in conceal(f"it is {secret}!")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors


def test_logs_of_every_library_are_concealed_with_their_tracebacks(caplog):
    register("logged-secret-77")
    log = logging.getLogger("some.transport")
    with caplog.at_level(logging.DEBUG):
        log.debug("headers %r", {"authorization": "Bearer logged-secret-77"})
        log.info("plain %s of %d", "mug", 3)
        try:
            raise ValueError("Illegal header value b'Bearer logged-secret-77'")
        except ValueError:
            log.exception("failed")
    assert "logged-secret-77" not in caplog.text
    assert "plain mug of 3" in caplog.text
    assert "Illegal header value" in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "postgresql:robot:geheim@lab/memory", "postgres:/robot:geheim@lab/memory",
        "http:/u:geheim@host:8000/v1", "https:u:geheim@host", "socks5:u:gehe:im@host",
    ],
)  # fmt: skip
def test_an_address_whose_slashes_were_forgotten_is_one(address: str):
    said = conceal(f"{address}: no such file")
    assert "gehe" not in said
    assert said.endswith(": no such file")


def test_settings_show_no_password():
    from vista.files.settings import from_options
    from vista.planner.endpoint_settings import EndpointSettings

    made = EndpointSettings("http://u:unregistered-geheim@localhost:8000/v1", "m")
    assert "geheim" not in repr(made)
    assert "model='m'" in repr(made)
    for wrong in ("http://u:geheim@host/v1", ["http://u:geheim@host/v1" * 9], {"a": "http://u:geheim@host"}):
        options = {"base_url": "http://host/v1", "model": "m", "attempts": wrong}
        with pytest.raises(ConfigError, match=r"mine\.yaml: attempts") as caught:
            from_options(EndpointSettings, options, "mine.yaml")
        assert "geheim" not in str(caught.value)


def test_the_traceback_of_a_worker_shows_no_secret(monkeypatch, capsys):
    from vista.learning.workers import Crash

    monkeypatch.setenv("VISTA_DEBUG", "1")
    register("workers-secret-99")
    try:
        raise KeyError("Bearer workers-secret-99")
    except KeyError as error:
        crash = Crash.of(error)
    shown = crash.cause + "".join(capsys.readouterr())
    assert "KeyError" in shown
    assert "Traceback" in shown
    assert "workers-secret-99" not in shown


def test_an_address_in_the_place_of_a_part_is_not_repeated():
    pytest.importorskip("torch")
    from vista.assembly import loading

    with pytest.raises(ConfigError, match="an address is no reference") as caught:
        loading.load_planner("http://u:geheim@host/v1")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\n    ", "\\n", "\\\\\\n", "%0A", "%250a", " ", "=\n"])
def test_a_key_that_is_broken_into_lines_is_hidden(gap: str):
    secret = "sk-broken-0123456789abcdef"
    register(secret)
    for at in (1, 9, 17, len(secret) - 1):
        said = conceal(f"bad key {secret[:at]}{gap}{secret[at:]} was given")
        assert said == "bad key *** was given"
    thrice = gap.join((secret[:5], secret[5:12], secret[12:]))
    assert conceal(f"it is {thrice}.") == "it is ***."
