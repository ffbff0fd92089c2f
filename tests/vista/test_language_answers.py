"""Answers as models give them: with thoughts, emphasis, and in any script."""

from __future__ import annotations

import unicodedata

import pytest

from tests import mocks
from tests.conformance.implementations import observation
from vista.planner.head import words_of
from vista.planner.language.answers import Grammar, MalformedAnswerError, objection, sentences, verdict
from vista.planner.language.critic import LanguageCritic
from vista.planner.language.planner import LanguagePlanner, PlannerSettings
from vista.planner.language.preprocess import LanguagePreprocessor
from vista.planner.language.reasoning import without_reasoning
from vista.types import Done, Impossible, Subtask

TOLD = "put the blue mug in the tray"
OBS = observation(mocks.mock_spec())
STEP = Subtask.said("grasp the blue mug")

THOUGHT = [
    "<think>yes, no: maybe</think>{}",
    "<think>\nyes\n</think>\n\n{}",
    "<THINK>yes</THINK>{}",
    "<Thinking>yes</thinking>{}",
    "<reasoning>yes</reasoning>{}",
    "< think >yes</ think >{}",
    '<think effort="high">yes</think>{}',
    "yes, I should say so</think>{}",
    "<think>a<think>yes</think>b</think>{}",
    "<think>they said <think> but yes</think>{}",
    "<think>yes</think>{}<think>and yes",
    "<think>yes</think><think>yes</think>{}",
    "<think/>{}",
    "[THINK]yes[/THINK]{}",
    "&lt;think&gt;yes&lt;/think&gt;{}",
    "◁think▷yes◁/think▷{}",
    "<|begin_of_thought|>yes<|end_of_thought|>{}",
    "<|channel|>analysis<|message|>yes<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
]


class Says:
    """A language model that gives ``answers`` one after another, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0

    def answer(self, prompt, *, temperature=0.0, seed=0, timeout_s):
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize("form", THOUGHT)
def test_thoughts_are_no_part_of_any_answer(form):
    assert without_reasoning(form.format("no: it is full")) == "no: it is full"
    assert verdict(form.format("no: it is full")) == "it is full"
    assert LanguageCritic(Says(form.format("no: it is full"))).review(OBS, TOLD, STEP, ()) == "it is full"
    assert Grammar().step(form.format("grasp the mug")).text == "grasp the mug"
    assert [s.text for s in Grammar().plan(form.format("grasp the mug\nlift the mug"))] == [
        "grasp the mug",
        "lift the mug",
    ]
    digest = LanguagePreprocessor(Says(form.format("where was the mug?"))).digest(OBS, TOLD, ())
    assert (digest.summary, digest.queries) == ("where was the mug?", (TOLD, "where was the mug?"))
    step = LanguagePlanner(Says(form.format("grasp the mug")), PlannerSettings(look_first=True))
    assert step.next(OBS, TOLD, ()).text == "grasp the mug"


def test_what_was_seen_is_told_without_thoughts():
    prompts = []

    class Looking:
        def answer(self, prompt, *, temperature=0.0, seed=0, timeout_s):
            prompts.append(prompt.question)
            return "<think>secret plan</think>grasp the mug"

    LanguagePlanner(Looking(), PlannerSettings(look_first=True)).next(OBS, TOLD, ())
    assert not any("secret plan" in question for question in prompts)


@pytest.mark.parametrize("text", ["<think>", "<think>no: it is full", "<think>yes</think>", "yes</think>  "])
def test_thoughts_alone_are_said_to_be_no_answer(text):
    for read in (verdict, Grammar().step, Grammar().plan, lambda t: sentences(t, 2)):
        with pytest.raises(MalformedAnswerError):
            read(text)
    with pytest.raises(MalformedAnswerError, match="thoughts only"):
        Grammar().step(text)


def test_text_without_thoughts_stays_as_it_is():
    for text in ("", "a < b", "I think so", "grasp the mug", "  yes \n", "[1] mug", "thinking: no"):
        assert without_reasoning(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "no: it is full", "No: it is full", "NO: it is full", "**no**: it is full", "**No:** it is full",
        "*no*: it is full", "`no`: it is full", "no : it is full", "NO - it is full", "No \u2013 it is full",
        "no — it is full", "No. It is full", "no! it is full", "no\uff1ait is full",
        "no\uff1a\u3000it is full",
        '"no: it is full"', "“no: it is full”", "- no: it is full", "> no: it is full", "❌ no: it is full",
        "No; it is full",
    ],
)  # fmt: skip
def test_a_critics_no_counts_however_it_is_written(text):
    reason = LanguageCritic(Says(text)).review(OBS, TOLD, STEP, ())
    assert reason is not None
    assert reason.lower() == "it is full"
    assert Says(text).asked == 0


@pytest.mark.parametrize("text", ["yes", "Yes.", "YES!", "**yes**", "**Yes**.", "“yes”"])
def test_a_yes_is_a_yes(text):
    assert verdict(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no", "the critic said no without a reason"),
        ("No.", "the critic said no without a reason"),
        ("no: a\nb", "a"),
        ("The hand holds a cup.\nno: the hand is full", "the hand is full"),
        ("no, because the hand is full", "because the hand is full"),
        ("no: " + "very " * 100 + "full", "full"),
    ],
)
def test_an_objection_that_is_malformed_each_time_is_not_lost(text, reason):
    model = Says(text)
    objected = LanguageCritic(model).review(OBS, TOLD, STEP, ())
    assert model.asked == 2, "it was asked again first"
    assert objected is not None
    assert objected.endswith(reason)
    assert len(objected) <= 300


@pytest.mark.parametrize(
    "text", ["hm", "maybe", "yes, but", "nothing is wrong", "no-go or not", "know: x", "", "no's"]
)
def test_what_is_no_objection_is_none(text):
    assert objection(text) is None
    assert LanguageCritic(Says(text)).review(OBS, TOLD, STEP, ()) is None


def test_a_later_yes_overrides_a_malformed_no():
    assert LanguageCritic(Says("no", "yes")).review(OBS, TOLD, STEP, ()) is None
    assert LanguageCritic(Says("no", "no: full")).review(OBS, TOLD, STEP, ()) == "full"


@pytest.mark.parametrize(
    "name",
    [
        "grüne Tasse", "tasse à café", "синяя кружка", "青いマグカップ", "파란 컵", "नीला मग", "كوب أزرق",
        "κούπα", "l\u2019objet", "mug 5", "İstanbul", "große Tasse", "cốc xanh", "ถ้วยสีน้ำเงิน",
    ],
)  # fmt: skip
def test_things_with_names_of_any_script_can_be_planned(name):
    step = Grammar().step(f"Grasp the {name}.")
    assert step.text == unicodedata.normalize("NFC", f"grasp the {name}").lower()
    decomposed = Grammar().step(unicodedata.normalize("NFD", f"grasp the {name}"))
    assert decomposed.text == step.text, "however its letters are encoded"
    planned = LanguagePlanner(Says(f"grasp the {name}")).next(OBS, f"put the {name} in the tray", ())
    assert isinstance(planned, Subtask)


def test_skills_and_ends_of_any_script():
    grammar = Grammar(skills=("greife", "ÖFFNE", "つかむ"))
    assert grammar.step("öffne die Schublade").text == "öffne die schublade"
    assert grammar.step("つかむ 青いマグ。").text == "つかむ 青いマグ"
    assert isinstance(Grammar().step("Done。"), Done)
    assert Grammar().step("impossible\uff1a 無い") == Impossible("無い")
    assert isinstance(Grammar().step("**impossible**: no mug"), Impossible)


@pytest.mark.parametrize(
    "text",
    [
        "grasp the mug\u202e", "grasp \ud800", "grasp the mug; reboot", "grasp https://x", "grasp <b>",
        "grasp $(x)",
        "grasp the mug\x1b[2J", "grasp the mug\x00", "grasp\u2028lift", "☕", "grasp the ☕", "\u2019", "-",
    ],
)  # fmt: skip
def test_what_no_word_has_is_still_refused(text):
    with pytest.raises(MalformedAnswerError) as caught:
        Grammar().step(text)
    assert str(caught.value).isprintable()


def test_the_first_cause_of_several_bad_answers_is_told():
    refusal = LanguagePlanner(Says("Sure!\nOK", "?", "!!")).next(OBS, TOLD, ())
    assert isinstance(refusal, Impossible)
    assert "'!!'" in refusal.reason
    assert "the first time: answer 'Sure! OK'" in refusal.reason


def test_words_of_any_script_stay_whole():
    assert words_of("Put the grüne Tasse, please!") == ["put", "the", "grüne", "tasse", "please"]
    assert words_of(unicodedata.normalize("NFD", "grüne")) == ["grüne"]
