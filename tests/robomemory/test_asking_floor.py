"""Below which likeness nothing fits: questions with and without an answer among the notes of a home."""

from __future__ import annotations

import importlib.util

import pytest

from robomemory import AnswerKind, Memory, MiniLMInt8Embedder

TRUE_IN_GENERAL = """\
the spare batteries are kept in the hall cupboard
mugs are grasped at the rim
Anna prefers the left tray for her breakfast
the dishwasher must not be opened while it is running
glass jars are heavy and need a slow lift
the trash is collected on Tuesday mornings
Ben is allergic to peanuts
the third cabinet door sticks; pull it twice
wet cups slip, dry them before lifting
plants on the balcony need water every second day
the wifi password is on the fridge
medicine must be handed over by a nurse
the charging dock is behind the sofa
knives go with the blade down into the block
the coffee machine needs descaling every month
children are in the kitchen after four o'clock
the cleaning spray is poisonous for the cat
red bins are for paper, blue bins for plastic
""".splitlines()

DONE = """\
put the red mug in the tray: success in 14 s
grasp of the glass jar failed twice, then it worked from the side
the drawer was stuck, opened it with a stronger pull
handed the towel to Anna in the bathroom
dropped a spoon behind the stove, a person picked it up
watered the plants on the balcony, the can was nearly empty
carried the laundry basket to the bedroom
the vacuum robot blocked the corridor, waited for it
sorted six blocks by colour, one red block was left over
wiped the table after lunch
""".splitlines()

ANSWERED = """\
how do I pick up a mug?
which tray does Anna like?
may I open the dishwasher while it runs?
when is the trash collected?
is anyone allergic to nuts?
what should I do about the sticking cabinet door?
why do cups slip?
how often do the plants need water?
how do I get on the wifi?
who has to hand over the medicine?
where do I charge the robot?
how do I put knives away?
how often must the coffee machine be descaled?
are there kids in the kitchen in the afternoon?
is the cleaning spray dangerous for pets?
which bin is for plastic?
did the red mug get into the tray?
how did you manage to grasp the glass jar?
how was the stuck drawer opened?
whom did you give the towel to?
what fell behind the stove?
was the watering can empty?
what blocked the corridor?
did you clean the table?
how did sorting the blocks go?
tips for lifting jars
""".splitlines()

NOT_ANSWERED = """\
where is the unicorn
what is the capital of France?
who won the football match?
how much does a plane ticket cost?
what is the weather like tomorrow?
can you play some jazz?
what is the square root of two?
how tall is Mount Everest?
when was the French revolution?
who is the president?
do you like poetry?
how do I file my taxes?
how do I change a car tyre?
what is the meaning of life?
which stocks should I buy?
translate good morning into Spanish
how do I install Linux?
is there life on Mars?
what time does the train to Berlin leave?
who painted the Mona Lisa?
how do I tune a guitar?
what does a lawyer earn?
tell me a joke
how far away is the moon?
when does the pharmacy close?
what is my blood type?
is the garage locked?
how many passengers fit into a bus?
did the postman bring a parcel?
what is the phone number of the dentist?
""".splitlines()

S = 10**9


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    if any(importlib.util.find_spec(name) is None for name in MiniLMInt8Embedder.PACKAGES):
        pytest.skip("MiniLM is not installed")
    with Memory(tmp_path_factory.mktemp("home") / "home.sqlite3", embedder=MiniLMInt8Embedder()) as memory:
        for i, text in enumerate(TRUE_IN_GENERAL):
            memory.add(text, stamp_ns=(i + 1) * S)
        for i, text in enumerate(DONE):
            memory.add(text, kind="episodic", stamp_ns=(40 + i) * S)
        for i, thing in enumerate(("red mug", "blue mug", "drawer", "tray", "glass jar", "sofa", "towel")):
            memory.add(f"a {thing}", about=[thing], position=(0.1 * i, 0, 0), stamp_ns=(60 + i) * S)
        note = memory.robo.note("temporal", "wiped the table with the sponge", 80 * S)
        memory.robo.remember([note])
        yield memory


def test_what_no_note_answers_gets_nothing(home: Memory):
    wrong = {q: a.text for q in NOT_ANSWERED if (a := home.ask(q)).kind is not AnswerKind.NOTHING}
    assert not wrong


def test_what_a_note_answers_is_found(home: Memory):
    lost = [q for q in ANSWERED if not home.ask(q).found]
    assert not lost


def test_the_floor_is_the_callers(home: Memory):
    question = "how do I get on the wifi?"
    assert home.ask(question, min_score=0.99).kind is AnswerKind.NOTHING
    assert len(home.ask("when does the pharmacy close?", min_score=0.0, k=3).found) == 3
    scores = [r.score for r in home.ask(question, min_score=0.0, k=9).found]
    assert scores == sorted(scores, reverse=True)
