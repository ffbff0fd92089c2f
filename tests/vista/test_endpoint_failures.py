"""Why a language model gave no answer is said in one sentence, and the key is never in it."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests import mocks
from tests.chat_server import ChatServer, Raw, completion
from tests.conformance.implementations import observation
from vista.errors import ConfigError, VistaError
from vista.loop import Budget, Parts, run_task
from vista.planner.endpoint import EndpointModel, EndpointSettings
from vista.planner.language.answers import MalformedAnswerError
from vista.planner.language.critic import LanguageCritic
from vista.planner.language.model import LanguageModelError, Prompt
from vista.planner.language.planner import LanguagePlanner, PlannerSettings
from vista.planner.language.preprocess import LanguagePreprocessor
from vista.planner.reply import retry_after
from vista.types import Outcome, Progress, State, Subtask

pytest.importorskip("openai")
TOLD = "put the blue mug in the tray"
OBS = observation(mocks.mock_spec())
ASK = Prompt("be brief", "what next?")
KEY = "sk-secret-0123456789"


def model(url: str, **more) -> EndpointModel:
    return EndpointModel(EndpointSettings(url, "tiny", **{"attempts": 1, "attempt_timeout_s": 60.0, **more}))


def failure(reply: object, timeout_s: float = 60.0, **more) -> str:
    """The sentence that asking a server ends with that always replies ``reply``."""
    with ChatServer(lambda _: reply) as server, pytest.raises(VistaError) as caught:
        model(server.url, **more).answer(ASK, timeout_s=timeout_s)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert said.isprintable()
    assert len(said) < 1200
    return said


def message(**fields: object) -> dict[str, object]:
    finish = fields.pop("finish", "stop")
    return {"choices": [{"message": {"role": "assistant", **fields}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"error": {"message": "model overloaded"}}, "answered with an error: model overloaded"),
        ({"error": {"message": "x" * 100 + " model overloaded"}}, "model overloaded"),
        ({"error": "model overloaded", "choices": []}, "answered with an error: model overloaded"),
        ({"error": {"message": "slow down", "code": 429}}, "slow down"),
        ({"choices": [{"error": {"message": "upstream died"}}]}, "answered with an error: upstream died"),
        ({"detail": [{"msg": "field required"}]}, "field required"),
        (message(content=None, refusal="I won't help"), "refused to answer: I won't help"),
        (message(content=[{"type": "refusal", "refusal": "never"}]), "refused to answer: never"),
        (message(content=None, finish="content_filter"), "content filter"),
        (message(content="half an", finish="content_filter"), "content filter"),
        (message(content=None, tool_calls=[{"function": {"name": "grasp"}}]), "called the tool grasp"),
        (message(content=None, function_call={"name": "grasp"}), "called the tool grasp"),
        (message(content=None, tool_calls=[None]), "called the tool without a name"),
        (message(content="grasp the", finish="length"), "cut off after 300 tokens"),
        (message(content=5), "content is 5, expected text"),
        (message(content={"text": "x"}), "expected text"),
        (message(content=[{"type": "image_url"}]), 'a part of type "image_url"'),
        (message(content=[3]), "holds 3"),
        (message(content=[]), "empty answer"),
        (message(content="<think>hm</think>"), "thought aloud and then gave no answer"),
        (message(content="", reasoning_content="hm"), "thought aloud and then gave no answer"),
        ({"choices": [None]}, "choices[0] is null, expected an object"),
        ({"choices": None}, "choices is null"),
        ({"choices": {}}, "choices is {}"),
        ({"choices": "no"}, 'choices is "no"'),
        ({"choices": [{}]}, "message is null"),
        ({"choices": [{"message": None}]}, "message is null"),
        ({"choices": [{"message": "hello"}]}, 'message is "hello"'),
        ({}, "no chat completion"),
        (b"[]", "no chat completion but []"),
        (b"null", "no chat completion but null"),
        (b'"hello"', "no chat completion"),
        (b"", "an empty body"),
        (b"\xff\xfe{}", "no UTF-8 (at byte 0)"),
        (b'{"choices": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"n": ' + b"9" * 5_000 + b"}", "no JSON"),
        (b"<html><head><title>Log in</title></head></html>", "a page of HTML: Log in"),
        (Raw(b"data: {}\n\n", headers={"Content-Type": "text/event-stream"}), "a stream of events"),
        (b'data: {"choices": []}\n\n', "a stream of events"),
        (Raw(b"x" * 5_000_000), "more than 4,194,304 bytes"),
        (Raw(b'{"error": {"message": "bad key"}}', 401), "HTTP 401: the key is missing or wrong: bad key"),
        (Raw(b"<h1>Bad gateway</h1>", 502), "HTTP 502: the server failed: a page of HTML: Bad gateway"),
        (Raw(b"", 404), "HTTP 404: no such address or model"),
        (Raw(b"", 302), "HTTP 302"),
        (Raw(b"\x00\x1b[2J\xed\xa0\x80", 500), "HTTP 500"),
        (Raw(b"nonsense", headers={"Content-Encoding": "gzip"}), "cannot be asked"),
    ],
)  # fmt: skip
def test_each_failure_is_told_by_its_cause(reply, said):
    assert said in failure(reply)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("yes", "yes"),
        ([{"type": "text", "text": "grasp "}, {"type": "text", "text": "the mug"}], "grasp the mug"),
        (["grasp ", "the mug"], "grasp the mug"),
        ([{"type": "thinking", "thinking": "no: never"}, {"type": "output_text", "text": "yes"}], "yes"),
        ("<think>no: never</think>\nyes", "yes"),
    ],
)
def test_text_in_any_form_is_an_answer(content, answer):
    with ChatServer(lambda _: message(content=content)) as server:
        assert model(server.url).answer(ASK, timeout_s=60) == answer


def test_a_body_without_usage_type_or_end_is_an_answer():
    body = json.dumps({"choices": [{"message": {"content": "yes"}}]}).encode()
    with ChatServer(lambda _: Raw(b"\xef\xbb\xbf" + body, headers={"Content-Type": "text/plain"})) as server:
        assert model(server.url).answer(ASK, timeout_s=60) == "yes"


@pytest.mark.parametrize("form", ["seconds", "date", "milliseconds"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_limit_is_named_with_its_end_and_not_waited_for_beyond_the_deadline(form, status):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    header = {
        "seconds": {"Retry-After": "30"},
        "date": {"Retry-After": later},
        "milliseconds": {"retry-after-ms": "30000"},
    }[form]
    begin = time.monotonic()
    said = failure(Raw(b'{"error": {"message": "quota used up"}}', status, header), 6.0, attempts=3)
    assert time.monotonic() - begin < 5
    assert f"HTTP {status}" in said
    assert "quota used up" in said
    assert "retry after 30 s" in said or form == "date"
    assert "retry after" in said
    assert ("rate limited" in said) == (status == 429)


def test_a_short_limit_is_waited_for():
    replies = [Raw(b"{}", 429, {"Retry-After": "0.2"}), "yes"]
    with ChatServer(lambda _: replies.pop(0)) as server:
        assert model(server.url, attempts=2).answer(ASK, timeout_s=60) == "yes"


@pytest.mark.parametrize("odd", ["", "soon", "-5", "nan", "inf", "1e999", "Mon, 99 Foo 2099", "\x00"])
def test_a_limit_that_says_nothing_is_none(odd):
    assert retry_after({"retry-after": odd}) is None


def test_further_attempts_do_not_hide_the_first_cause():
    replies = [Raw(b"the disk is full", 500), Raw(b"", 503), Raw(b"", 503)]
    with ChatServer(lambda _: replies.pop(0)) as server, pytest.raises(LanguageModelError) as caught:
        model(server.url, attempts=3).answer(ASK, timeout_s=60)
    assert "HTTP 503" in str(caught.value)
    assert "3 attempts; the first: HTTP 500: the server failed: the disk is full" in str(caught.value)


def test_a_deadline_names_what_failed_before():
    replies: list[object] = [Raw(b"the disk is full", 500)]
    with (
        ChatServer(lambda _: replies.pop(0) if replies else 60.0) as server,
        pytest.raises(LanguageModelError) as caught,
    ):
        model(server.url, attempts=2).answer(ASK, timeout_s=3.0)
    assert "no answer within 3 s; before that: HTTP 500" in str(caught.value)


# --- keys


@pytest.mark.parametrize(
    "odd", ["{}\n", "\n{}", "{}\r\nX-Evil: 1", "two {}", "{}\0", "{}\x1b", "{}ü", "\ufeff{}", "{}\t"]
)
def test_a_key_that_no_header_takes_is_refused_by_its_variable(odd, monkeypatch):
    key = odd.format(KEY)
    if "\0" in key:
        monkeypatch.setattr("os.environ", {"ROBOT_KEY": key})
    else:
        monkeypatch.setenv("ROBOT_KEY", key)
    with pytest.raises(ConfigError) as caught:
        model("http://127.0.0.1:1/v1", api_key_env="ROBOT_KEY")
    assert "environment variable ROBOT_KEY" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "expected printable ASCII" in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        lambda key: Raw(
            json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode(), 401
        ),
        lambda key: Raw(f"<h1>Bearer {key}</h1>".encode(), 500),
        lambda key: {"error": {"message": repr(f"Bearer {key}")}},
        lambda key: Raw(b"", 307, {"Location": f"http://user:{key}@127.0.0.1:1/?api_key={key}"}),
        lambda key: message(content=None, refusal=f"what is {key}?"),
        lambda key: Raw(f"{key}".encode()),
    ],
)
def test_what_a_server_echoes_holds_no_key(reply, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with caplog.at_level(logging.DEBUG), ChatServer(lambda _: reply(KEY)) as server:
        with pytest.raises(VistaError) as caught:
            model(server.url, attempts=2).answer(ASK, timeout_s=60)
        with contextlib.suppress(VistaError):
            LanguageCritic(model(server.url)).review(OBS, TOLD, Subtask.said("grasp the mug"), ())
    link: BaseException | None = caught.value
    while link is not None:  # what a page or a debugger shows of it
        assert KEY not in str(link)
        link = link.__cause__ or link.__context__
    assert KEY not in caplog.text


def test_an_answer_that_echoes_the_key_brings_it_into_no_memory(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer(f"the mug was grasped, {KEY}") as server:
        digest = LanguagePreprocessor(model(server.url), timeout_s=60.0).digest(OBS, TOLD, ())
    assert digest.summary == "the mug was grasped, ***"
    assert KEY not in " ".join(digest.queries)


def test_the_password_of_an_address_is_shown_nowhere():
    with pytest.raises(LanguageModelError) as caught:
        model("http://robot:open-sesame@127.0.0.1:1/v1").answer(ASK, timeout_s=20)
    assert "http://***@127.0.0.1:1/v1" in str(caught.value)
    for more in ({"attempts": 0}, {"token_limit": "x"}, {"model": " "}):
        with pytest.raises(ConfigError) as refused:
            EndpointSettings(**{"base_url": "http://robot:open-sesame@x/v1", "model": "m", **more})
        assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://x:99999/v1", "http://a b/v1", "http://x\n/v1", "ftp://x"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError, match="expected http://host:port/v1"):
        EndpointSettings(url, "m")


def test_a_key_in_the_place_of_its_variables_name_is_not_repeated():
    with pytest.raises(ConfigError, match="no name of an environment variable") as caught:
        EndpointSettings("http://x/v1", "m", api_key_env=KEY)
    assert KEY not in str(caught.value)


# --- what reaches the loop


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("lost \ud800 surrogate", "surrogate"),
        ("\x1b[2J\x00bell", "bell"),
        ("x" * 100_000 + " the end", "the end"),
    ],
)
@pytest.mark.parametrize("kind", [RuntimeError, LanguageModelError, MalformedAnswerError])
def test_what_a_part_raises_reaches_the_loop_as_a_readable_cause(text, held, kind):
    class Raising:
        def answer(self, prompt, *, temperature=0.0, seed=0, timeout_s):
            raise kind(text)

    planner = LanguagePlanner(Raising(), PlannerSettings(timeout_s=10.0))
    reached = Progress(State.REACHED, 1.0)
    parts = Parts(mocks.MockRobot(), planner, mocks.MockWorldModel(), lambda *_: reached, mocks.MockMemory())
    result = run_task(parts, TOLD, budget=Budget(max_subtasks=2))
    assert result.outcome is not Outcome.SUCCESS
    assert held in result.cause
    assert result.cause.isprintable()
    assert len(result.cause) < 5_000


def test_a_completion_is_still_what_it_was():
    with ChatServer(lambda _: completion("yes")) as server:
        assert model(server.url).answer(ASK, timeout_s=60) == "yes"
