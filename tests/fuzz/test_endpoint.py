"""Answers of language models and their servers, of any shape: a valid value or one clean sentence."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import strategies as st

from tests import mocks
from tests.chat_server import ChatServer, Raw
from tests.conformance.implementations import observation
from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.hostile import scalars, texts, trees
from vista.errors import VistaError
from vista.messages.redaction import conceal, register
from vista.planner.endpoint import EndpointModel, EndpointSettings
from vista.planner.language.critic import LanguageCritic
from vista.planner.language.model import Prompt
from vista.planner.language.planner import LanguagePlanner
from vista.planner.language.preprocess import LanguagePreprocessor
from vista.planner.reply import http_failure, read_reply
from vista.types import Done, Impossible, Subtask

pytest.importorskip("openai")
KIND = "endpoint answers"
KEY = "sk-fuzzed-0123456789-key"
OBS = observation(mocks.mock_spec())
TOLD = "put the blue mug in the tray"

ANSWERS = (
    "yes", "no: the hand is full", "no", "done", "impossible: no mug", "grasp the blue mug",
    "grasp the grüne Tasse", "<think>", "</think>", "<think>yes</think>no: full", "1. grasp it\n2. done",
    f"it is {KEY}", "a\nb\nc", "no\uff1ax", "<|channel|>", "<|channel|>final<|message|>yes", "**yes**",
    "Bearer " + KEY, "{}", "<think><think></think>",
)  # fmt: skip
said = st.one_of(st.sampled_from(ANSWERS), texts, st.lists(st.sampled_from(ANSWERS), max_size=4).map("".join))
parts = st.fixed_dictionaries(
    {}, optional={"type": st.one_of(st.sampled_from(["text", "refusal", "image_url", "thinking"]), scalars),
                  "text": st.one_of(said, scalars), "refusal": scalars}
)  # fmt: skip
contents = st.one_of(
    said, said, st.none(), scalars, st.lists(st.one_of(parts, said, scalars), max_size=4), trees
)
messages = st.fixed_dictionaries(
    {}, optional={"role": scalars, "content": contents, "refusal": st.one_of(st.none(), scalars),
                  "tool_calls": st.one_of(st.none(), trees), "function_call": st.one_of(st.none(), trees),
                  "reasoning_content": scalars}
)  # fmt: skip
finishes = st.one_of(
    st.sampled_from(["stop", "length", "content_filter", "tool_calls", "error", None]), scalars
)
choices = st.fixed_dictionaries(
    {}, optional={"message": st.one_of(messages, messages, trees), "finish_reason": finishes, "error": trees,
                  "delta": messages, "index": scalars}
)  # fmt: skip
usual = st.builds(
    lambda content: {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}, contents
)
documents = st.one_of(
    usual,
    st.fixed_dictionaries(
        {}, optional={"choices": st.one_of(st.lists(st.one_of(choices, st.none()), max_size=2), trees),
                      "error": st.one_of(st.none(), trees), "usage": trees, "detail": trees}
    ),
    trees,
)  # fmt: skip
bodies = st.one_of(
    documents.map(lambda d: json.dumps(d, default=str, skipkeys=True).encode("utf-8", "surrogatepass")),
    documents.map(
        lambda d: json.dumps(d, ensure_ascii=False, skipkeys=True).encode("utf-8", "surrogatepass")
    ),
    st.tuples(usual, st.integers(0, 60)).map(lambda pair: json.dumps(pair[0]).encode()[: -pair[1] or None]),
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"", b"<html><title>x</title>", b"data: {}\n\n", b"\xef\xbb\xbf{}", b"[" * 5_000, b"NaN",
            b'"\\ud800"', f"<h1>{KEY}</h1>".encode(), f'{{"error": "{KEY}"}}'.encode(),
            b'{"error": {"code": "429"}}', b"\x1f\x8b",
        ]
    ),
)  # fmt: skip
header_values = st.one_of(
    st.sampled_from(
        ["30", "0", "-1", "nan", "1e999", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "", "999999999999"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
)  # fmt: skip
headers = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "content-type", "location"]), header_values, max_size=2
)
statuses = st.one_of(
    st.just(200), st.sampled_from([201, 204, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 529])
)


def clean(text: str) -> None:
    """One line that every output takes, without the key."""
    assert text
    assert len(text) < 2_500
    assert len(text.splitlines()) == 1
    text.encode("utf-8")
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text)
    assert KEY not in text


class Answering:
    """A language model behind the parser: what a server with these replies would have it say."""

    def __init__(self, status: int, body: bytes, replied: dict[str, str]) -> None:
        self.status, self.body, self.headers = status, body, replied

    def answer(self, prompt, *, temperature=0.0, seed=0, timeout_s):
        if self.status >= 300:
            raise http_failure(self.status, self.body, self.headers)
        return conceal(read_reply(self.body, self.headers, 300))


def check_parts(given: tuple[int, bytes, dict[str, str]]) -> None:
    """Planner, critic and preprocessor over whatever the server sent."""
    register(KEY)
    model = Answering(*given)
    try:
        text = model.answer(Prompt("r", "q"), timeout_s=1.0)
        assert text.strip()
        assert KEY not in text
    except VistaError as error:
        clean(str(error))
    try:
        step = LanguagePlanner(model).next(OBS, TOLD, ())
        assert isinstance(step, Subtask | Done | Impossible)
        if not isinstance(step, Done):
            clean(step.text if isinstance(step, Subtask) else step.reason)
    except VistaError as error:
        clean(str(error))
    try:
        objection = LanguageCritic(model).review(OBS, TOLD, Subtask.said("grasp the mug"), ())
        assert objection is None or (clean(objection) is None)
    except VistaError as error:
        clean(str(error))
    digest = LanguagePreprocessor(model).digest(OBS, TOLD, ())
    assert digest.queries[0] == TOLD
    for text in (digest.summary, *digest.queries):
        assert KEY not in text
        text.encode("utf-8")


@counts(100, 2_700)
def test_any_reply_is_a_value_or_a_sentence(count: int):
    explore(KIND, st.tuples(statuses, bodies, headers), check_parts, count)


@counts(20, 300)
def test_any_reply_over_http_is_a_value_or_a_sentence(count: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    replies: list[Raw] = []
    with ChatServer(lambda _: replies[0]) as server:
        settings = EndpointSettings(server.url, "tiny", attempts=2, attempt_timeout_s=20.0)
        with contextlib.closing(EndpointModel(settings)) as model:

            def check(given: tuple[int, bytes, dict[str, str]]) -> None:
                status, body, replied = given
                body = b"" if status == 204 else body
                replies[:] = [Raw(body, status, replied)]
                try:
                    # The deadline leaves no time for the pause before a second attempt.
                    text = model.answer(Prompt("r", "q"), timeout_s=20.0 if status == 200 else 0.45)
                    assert text.strip()
                    assert KEY not in text
                except VistaError as error:
                    clean(str(error))

            explore(KIND, st.tuples(statuses, bodies, headers), check, count)


@counts(60, 600)
def test_no_text_makes_the_hiding_of_secrets_fail(count: int):
    def check(given: tuple[str, str, str]) -> None:
        before, after, secret = given
        register(secret)
        text = f"{before} {KEY} {after}"
        shown = conceal(text)
        assert KEY not in shown
        assert conceal(shown) == shown
        assert conceal(repr(text)).count(KEY) == 0

    register(KEY)
    # Secrets are known for the life of the process: only ones that stand in no other test's texts.
    secrets = st.integers(0, 50).map("fuzzed-{}-secret".format)
    explore("texts with secrets", st.tuples(texts, texts, secrets), check, count)
