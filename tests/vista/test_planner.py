"""The planner head names only what it was told, refuses what is not seen, and ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tests.conformance.implementations import observation
from vista.errors import ConfigError, InstructionError, InvalidValueError, ModelMismatchError
from vista.learning.splits import load_splits
from vista.perception import DetectorBase
from vista.planner.head import HeadPlanner, named_labels
from vista.planner.network import END, PlannerHead, PlannerHeadConfig
from vista.planner.scripted import ScriptedPlanner, plan_of
from vista.planner.train import TEMPLATES, Stages, loss, make_batch, make_config
from vista.skill import Relation, Skill, Verb
from vista.types import Detection, Done, Impossible, ObjectKind, Observation, Place, Subtask

PUT = "put the blue mug in the tray"
PLACES = tiny.panda().places


@pytest.fixture(scope="module")
def obs() -> Observation:
    return observation(tiny.panda())


def eager(*words: str, seed: int = 0) -> HeadPlanner:
    """A planner whose network would say ``words`` before anything else, the first most of all."""
    net = tiny.planner_net(seed)
    for i, word in enumerate(words):
        net.out.bias.data[net.config.words.index(word)] += 60.0 - 5 * i
    return HeadPlanner(net, tiny.text_encoder())


def nouns() -> set[str]:
    splits = load_splits()
    return {*splits.colours, *splits.shapes}


# --- what it may say ---


def test_never_names_what_it_was_not_told(obs):
    for seed in range(4):
        for instruction in (PUT, "place the green can in the tray", "tidy up", "the box belongs in the tray"):
            step = tiny.planner(seed).next(obs, instruction, ())
            if isinstance(step, Subtask):
                said = set(step.text.split()) & nouns()
                assert said <= set(instruction.split()), (instruction, step.text)


def test_it_would_have_named_it(obs):
    """The same network, free to say anything, names the other thing: the ban is what keeps it from it."""
    planner = eager("red")
    assert "red" in planner.next(obs, "put the red mug in the tray", ()).text
    planner.reset()
    step = planner.next(obs, PUT, ())
    assert not isinstance(step, Subtask) or "red" not in step.text.split()


@pytest.mark.parametrize(
    ("word", "instruction"),
    [
        ("red", "I am bored and tired: put the blue mug in the tray"),
        ("can", "you scan the table and put the blue mug in the tray"),
        ("box", "after boxing, put the blue mug in the tray"),
    ],
)
def test_a_word_inside_another_was_not_told(obs, word, instruction):
    step = eager(word).next(obs, instruction, ())
    assert not isinstance(step, Subtask) or word not in step.text.split()


def test_capitals_and_punctuation_were_told(obs):
    for instruction in ("Put the RED mug in the tray!", "red, please", "the (red) mug"):
        assert "red" in eager("red").next(obs, instruction, ()).text.split()


def test_done_and_nothing_to_say_end_the_task(obs):
    assert isinstance(eager("done", "<end>").next(obs, PUT, ()), Done | Subtask)
    done = eager("<end>")
    answer = done.next(obs, PUT, ())
    assert isinstance(answer, Impossible)
    assert PUT in answer.reason


def test_saying_done_is_the_end(obs):
    class SaysDone(PlannerHead):
        def speak(self, *_: object) -> tuple[str, float]:
            return "done", 1.0

    planner = HeadPlanner(SaysDone(tiny.planner_net().config), tiny.text_encoder())
    assert isinstance(planner.next(obs, PUT, ()), Done)


class Eager(PlannerHead):
    """Would say "done", else that it places, else that it grasps."""

    def speak(self, *told: object) -> tuple[str, float]:
        banned = {self.config.words[i] for i in told[4]}  # type: ignore[attr-defined]
        said = ["done", "place the blue mug in the tray", "grasp the blue mug"]
        return next(s for s in said if s.split()[0] not in banned), 1.0


@pytest.mark.parametrize(
    ("command", "opening", "mug_at", "said"),
    [
        (1.0, 1.0, None, "grasp"),  # open, nothing was placed, and the mug is not seen in the tray
        (1.0, 1.0, (0.51, 0.21), "done"),  # it lies in the tray
        (1.0, 1.0, (0.4, -0.1), "grasp"),  # seen beside the tray: it is not delivered
        (0.0, 0.4, (0.4, -0.1), "place"),  # something is held
        (0.0, 0.01, None, "grasp"),  # closed on nothing
    ],
)
def test_the_head_says_what_hand_and_scene_allow(obs, command, opening, mug_at, said):
    at = {"tray": (0.5, 0.2), **({"blue mug": mug_at} if mug_at else {})}
    net = Eager(tiny.planner_net().config)
    planner = HeadPlanner(
        net, tiny.text_encoder(), Finder("tray", *[k for k in at if k != "tray"], at=at), PLACES
    )
    planner._accepted = (PUT, obs.stamp_ns)
    step = planner.next(dataclasses.replace(obs, gripper_command=command, gripper=opening), PUT, ())
    assert isinstance(step, Done) if said == "done" else step.text.startswith(said)


def test_what_was_only_reached_for_is_not_done(obs):
    planner = HeadPlanner(Eager(tiny.planner_net().config), tiny.text_encoder())
    empty = dataclasses.replace(obs, gripper_command=0.0, gripper=0.0)
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    held = dataclasses.replace(obs, gripper_command=0.0, gripper=0.4)
    assert planner.next(empty, PUT, ()).text.startswith("grasp")
    assert planner.next(opened, PUT, ()).text.startswith("grasp")
    assert planner.next(held, PUT, ()).text.startswith("place")
    assert isinstance(planner.next(opened, PUT, ()), Done)


def test_a_new_plan_after_a_failed_grasp_is_not_done(obs):
    planner = HeadPlanner(
        Eager(tiny.planner_net().config),
        tiny.text_encoder(),
        Finder("tray", "blue mug", at={"tray": (0.5, 0.2)}),
        PLACES,
    )
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    for _ in range(2):
        assert planner.next(opened, PUT, ()).text.startswith("grasp")
        planner.reset()


def test_a_sentence_ends_by_itself(obs):
    step = eager("the").next(obs, PUT, ())
    assert isinstance(step, Subtask)
    assert len(step.text.split()) < tiny.planner_net().config.length


def test_steps_are_counted_until_a_reset(obs):
    planner = eager("grasp")
    assert [planner.next(obs, PUT, ()).index for _ in range(3)] == [0, 1, 2]
    planner.reset()
    assert planner.next(obs, PUT, ()).index == 0


def test_image_instruction_and_gripper_all_matter(obs):
    net = tiny.planner_net()
    text = tiny.text_encoder()

    def logits(image: np.ndarray, instruction: str, gripper: float) -> torch.Tensor:
        from vista.learning.tensors import to_tensor

        tokens, mask = text.encode([instruction])
        hand = torch.tensor([[gripper, gripper]])
        with torch.inference_mode():
            return net.eval()(to_tensor(image[None]), tokens, mask, hand, torch.ones(1, 3, dtype=torch.long))

    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 256, (2, tiny.SIZE, tiny.SIZE, 3), np.uint8)
    plain = logits(one, PUT, 1.0)
    assert torch.equal(plain, logits(one, PUT, 1.0))
    for other in (
        logits(two, PUT, 1.0),
        logits(one, "put the red cube in the tray", 1.0),
        logits(one, PUT, 0.0),
    ):
        assert not torch.allclose(plain, other, atol=1e-5)


def test_a_word_is_read_from_those_before_it_only():
    net = tiny.planner_net().eval()
    tokens, mask = tiny.text_encoder().encode([PUT])
    context = net.context(torch.zeros(1, 3, tiny.SIZE, tiny.SIZE), tokens, mask, torch.ones(1, 2))
    with torch.inference_mode():
        first = net.words(torch.tensor([[1, 5, 6, 7]]), *context)
        other = net.words(torch.tensor([[1, 5, 9, 10]]), *context)
    assert torch.allclose(first[:, :2], other[:, :2], atol=1e-5)
    assert not torch.allclose(first[:, 2:], other[:, 2:], atol=1e-3)


# --- what it refuses ---


class Finder(DetectorBase):
    """Sees ``names`` and nothing else, a metre apart unless ``at`` says where; ``containers`` are some."""

    def __init__(
        self,
        *names: str,
        at: dict[str, tuple[float, float]] | None = None,
        containers: Sequence[str] = (),
    ) -> None:
        self.names, self.asked, self.at, self.containers = names, 0, at or {}, containers

    def _detection(self, i: int, label: str, score: float = 0.9) -> Detection:
        box, place = np.array([0.2, 0.2, 0.6, 0.6]), np.array([*self.at.get(label, (i, 0.0)), 0.0])
        kind = ObjectKind.CONTAINER if label in self.containers else ObjectKind.THING
        return Detection(label, score, box, place, 0.01, kind=kind)

    def detect(self, obs: Observation) -> Sequence[Detection]:
        return [self._detection(i, label) for i, label in enumerate(self.names)]

    def find(self, obs: Observation, label: str) -> Detection | None:
        self.asked += 1
        return self._detection(0, label, 0.9 if label in self.names else 0.001)


@pytest.mark.parametrize(
    ("x", "command", "done"), [(0.52, 1.0, True), (0.59, 1.0, False), (0.52, 0.0, False)]
)
def test_what_lies_in_the_tray_is_done_whatever_the_head_says(obs, x: float, command: float, done: bool):
    detector = Finder("red cube", "tray", at={"tray": (0.5, 0.2), "red cube": (x, 0.21)})
    planner = tiny.planner(detector=detector)
    now = dataclasses.replace(obs, gripper_command=command)
    step = planner.next(now, "put the red cube in the tray", ())
    assert isinstance(step, Done) == done
    if done:
        assert "lies in the tray" in step.reason


def test_all_that_was_named_must_lie_there(obs):
    detector = Finder("red cube", "green can", "tray", at={"tray": (0.5, 0.2), "red cube": (0.5, 0.2)})
    now = dataclasses.replace(obs, gripper_command=1.0)
    step = tiny.planner(detector=detector).next(now, "put the red cube and the green can in the tray", ())
    assert not isinstance(step, Done)


def test_what_is_not_there_is_refused_with_a_list_of_what_is(obs):
    planner = tiny.planner(detector=Finder("red cube", "green can", "tray"))
    answer = planner.next(obs, PUT, ())
    assert isinstance(answer, Impossible)
    assert answer.reason == "no blue mug is seen; seen: red cube, green can, tray"


def test_an_instruction_that_names_nothing_known_is_refused_with_the_list(obs):
    answer = tiny.planner(detector=Finder("red cube")).next(obs, "bring me some tea", ())
    assert isinstance(answer, Impossible)
    assert "names no object" in answer.reason
    assert "red cube" in answer.reason


def test_one_of_two_that_is_missing_is_named(obs):
    answer = tiny.planner(detector=Finder("red cube")).next(obs, "put the red cube on the blue box", ())
    assert isinstance(answer, Impossible)
    assert "no blue box is seen" in answer.reason


def test_an_empty_table_is_said_to_be_empty(obs):
    answer = tiny.planner(detector=Finder()).next(obs, PUT, ())
    assert isinstance(answer, Impossible)
    assert answer.reason.endswith("seen: nothing")


def test_what_is_there_is_looked_for_before_the_first_step_only(obs):
    detector = Finder("blue mug")
    planner = eager("grasp")
    planner._detector = detector
    assert isinstance(planner.next(obs, PUT, ()), Subtask)
    asked = detector.asked
    assert asked > 0
    planner.next(obs, PUT, ())
    assert detector.asked == asked


@pytest.mark.parametrize("instruction", ["", "   ", "\n"])
def test_an_empty_instruction_is_refused(obs, instruction):
    with pytest.raises(InstructionError, match="empty"):
        tiny.planner().next(obs, instruction, ())


def test_a_missing_camera_is_named(obs):
    blind = dataclasses.replace(obs, images={"wrist": obs.images["wrist"]})
    with pytest.raises(ModelMismatchError, match=r"camera 'front'; the observation has wrist"):
        tiny.planner().next(blind, PUT, ())


def test_labels_are_read_from_a_sentence():
    assert named_labels("Put the BLUE mug, then the red cube, away!") == ["blue mug", "red cube"]
    assert named_labels("the blue and the mug") == []
    assert named_labels("") == []


# --- weights ---


def test_what_was_saved_in_half_precision_speaks_alike(obs, tmp_path: Path):
    net = tiny.planner_net(3)
    net.to(torch.bfloat16).save_pretrained(tmp_path)
    loaded = HeadPlanner.from_pretrained(tmp_path, tiny.text_encoder())
    wanted = HeadPlanner(net, tiny.text_encoder())
    assert loaded.next(obs, PUT, ()) == wanted.next(obs, PUT, ())


def test_a_folder_without_a_model_or_with_another_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="no model in"):
        HeadPlanner.from_pretrained(tmp_path)
    tiny.detector_net().save_pretrained(tmp_path)
    with pytest.raises(ModelMismatchError, match="does not hold a PlannerHead"):
        HeadPlanner.from_pretrained(tmp_path)


def test_weights_of_another_vocabulary_are_refused(tmp_path: Path):
    tiny.planner_net().save_pretrained(tmp_path)
    words = (*make_config().words, "teapot")
    PlannerHeadConfig(image_size=tiny.SIZE, words=words, width=32).save_pretrained(tmp_path)
    with pytest.raises(ModelMismatchError, match="does not hold a PlannerHead"):
        HeadPlanner.from_pretrained(tmp_path)


# --- training ---


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return tiny.pairs(tmp_path / "pairs")


def test_every_stage_has_its_next_sentence(pairs: Path):
    config = tiny.planner_net().config
    stages = Stages(pairs, config)
    said = [" ".join(config.words[w] for w in row if w > 2) for row in stages.sentence]
    assert said[:4] == [
        "grasp the blue mug", "place the blue mug in the tray", "place the blue mug in the tray", "done",
    ]  # fmt: skip
    assert [len(k) for k in stages.kinds] == [2, 4, 2]


def test_a_batch_pairs_picture_sentence_and_instruction(pairs: Path):
    stages = Stages(pairs, tiny.planner_net().config)
    batch = make_batch(stages, np.random.default_rng(0), 12)
    assert batch["image"].shape == (12, 3, tiny.SIZE, tiny.SIZE)
    told, _ = tiny.text_encoder().encode([t.format("blue mug") for t in TEMPLATES])
    for tokens in batch["tokens"]:
        assert any(torch.allclose(tokens, t, atol=1e-5) for t in told)
    firsts = {int(s[1]) for s in batch["sentence"]}
    assert len(firsts) == 3


def test_a_few_steps_learn_the_sentences(pairs: Path):
    net = tiny.planner_net()
    stages = Stages(pairs, net.config)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    batch = make_batch(stages, np.random.default_rng(0), 8)
    values = []
    for _ in range(12):
        value, parts = loss(net, batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.5 * values[0]
    assert set(parts) == {"words", "right"}


@pytest.mark.parametrize(
    ("key", "how", "said"),
    [
        ("stage", "missing", r"lacks stage\.npy"),
        ("image", "size", r"image\.npy: frames"),
        ("gripper", "nan", r"gripper\.npy: not finite at row 1"),
        ("source", "index", r"source\.npy: row 1 points at 99"),
        ("stage", "short", r"stage\.npy: 1 rows"),
    ],
)
def test_broken_data_are_named(pairs: Path, key: str, how: str, said: str):
    tiny.spoil(pairs / "shard00001", key, how)
    with pytest.raises((ConfigError, InvalidValueError), match=rf"shard00001.*{said}"):
        Stages(pairs, tiny.planner_net().config)


def test_who_is_told_everything_at_once_is_told_again_after_a_failure(obs):
    from vista.planner.whole_instruction import WholePlanner

    planner, told = WholePlanner(), "put the blue mug in the tray"
    planner.reset()
    assert planner.next(obs, told, ()) == Subtask(told)
    planner.reset()  # it failed: a new plan
    again = planner.next(obs, told, ())
    assert again.text == told
    assert again.skill is None  # the executor gets the very words
    assert isinstance(planner.next(obs, told, ()), Done)
    assert planner.next(obs, told, ()).text == told  # the same task once more
    with pytest.raises(InstructionError):
        planner.next(obs, " ", ())


def test_a_head_that_may_not_say_what_it_would_says_something_else(obs):
    class Wants(Eager):
        """Would say "done" and, where it may not, nothing."""

        def speak(self, *told: object) -> tuple[str, float]:
            banned = {self.config.words[i] for i in told[4]}  # type: ignore[attr-defined]
            if "done" not in banned:
                return "done", 1.0
            return ("" if len(told) < 6 else "grasp the blue mug"), 1.0

    planner = HeadPlanner(Wants(tiny.planner_net().config), tiny.text_encoder())
    empty = dataclasses.replace(obs, gripper_command=0.0, gripper=0.0)
    assert planner.next(empty, PUT, ()).text == "grasp the blue mug"


def test_a_silent_network_can_be_made_to_speak(obs):
    net = tiny.planner_net().eval()
    with torch.no_grad():
        net.out.bias[END] = 99.0
    heard = (torch.zeros(1, 3, tiny.SIZE, tiny.SIZE), *tiny.text_encoder().encode([PUT]), torch.ones(1, 2))
    assert net.speak(*heard)[0] == ""
    assert len(net.speak(*heard, (), False)[0].split()) == 1


def test_a_tray_that_is_hidden_by_what_lies_in_it_is_remembered(obs):
    detector = Finder("tray", "blue mug", at={"tray": (0.5, 0.2), "blue mug": (0.3, 0.0)})
    planner = HeadPlanner(Eager(tiny.planner_net().config), tiny.text_encoder(), detector, PLACES)
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    assert planner.next(opened, PUT, ()).text.startswith("grasp")
    detector.names, detector.at = ("blue mug",), {"blue mug": (0.51, 0.21)}
    later = dataclasses.replace(opened, stamp_ns=obs.stamp_ns + 10**9)
    assert isinstance(planner.next(later, PUT, ()), Done)
    much_later = dataclasses.replace(opened, stamp_ns=obs.stamp_ns + 10**12)
    assert isinstance(planner.next(much_later, PUT, ()), Subtask)


@pytest.mark.parametrize(
    ("elsewhere", "changed", "done"), [(False, True, True), (False, False, False), (True, True, False)]
)
def test_what_was_placed_is_done_where_the_tray_changed_and_it_is_seen_nowhere_else(
    obs, elsewhere, changed, done
):
    detector = Finder("tray", "blue mug", at={"tray": (0.5, 0.2), "blue mug": (0.3, 0.0)})
    planner = HeadPlanner(Eager(tiny.planner_net().config), tiny.text_encoder(), detector, PLACES)
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    held = dataclasses.replace(obs, gripper_command=0.0, gripper=0.4)
    assert planner.next(opened, PUT, ()).text.startswith("grasp")
    assert planner.next(held, PUT, ()).text.startswith("place")
    if not elsewhere:
        detector.names = ("tray",)
    if changed:
        images = {name: 255 - image for name, image in obs.images.items()}
        opened = dataclasses.replace(opened, images=images)
    answer = planner.next(opened, PUT, ())
    assert isinstance(answer, Done) if done else answer.text.startswith("grasp")


# --- where things are put ---


@pytest.mark.parametrize(
    ("x", "answer"),
    [
        (0.554, "done"),  # surely in the tray
        (0.556, "grasp"),  # on the rim: nobody can tell
        (0.579, "grasp"),
        (0.581, "grasp"),
    ],
)
def test_a_thing_lies_in_a_container_within_its_size_in_the_contract(obs, x, answer):
    detector = Finder("tray", "blue mug", at={"tray": (0.5, 0.2), "blue mug": (x, 0.2)})
    planner = HeadPlanner(Eager(tiny.planner_net().config), tiny.text_encoder(), detector, PLACES)
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    step = planner.next(opened, PUT, ())
    assert isinstance(step, Done) if answer == "done" else step.text.startswith(answer)


@pytest.mark.parametrize(("x", "elsewhere"), [(0.579, False), (0.581, True)])
def test_a_thing_right_beside_a_container_may_lie_in_it(obs, x, elsewhere):
    detector = Finder("tray", "blue mug", at={"tray": (0.5, 0.2), "blue mug": (x, 0.2)})
    planner = HeadPlanner(Eager(tiny.planner_net().config), tiny.text_encoder(), detector, PLACES)
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    assert planner._look(opened, PUT) == ("", elsewhere)


@pytest.mark.parametrize(
    ("half", "x", "done"),
    [((0.1, 0.05), 0.597, True), ((0.1, 0.05), 0.599, False), ((0.03, 0.05), 0.53, False)],
)
def test_a_container_of_another_name_and_size_comes_from_the_contract(obs, half, x, done):
    detector = Finder("bin", "red cube", at={"bin": (0.5, 0.2), "red cube": (x, 0.2)})
    planner = HeadPlanner(
        Eager(tiny.planner_net().config), tiny.text_encoder(), detector, {"bin": Place("bin", half)}
    )
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    step = planner.next(opened, "put the red cube in the bin", ())
    assert isinstance(step, Done) == done
    if done:
        assert step.reason == "what was named lies in the bin"


def test_a_container_that_only_the_detector_knows_is_looked_into_too(obs):
    at = {"toy bowl": (0.5, 0.2), "red cube": (0.51, 0.2)}
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    for containers, done in ((("toy bowl",), True), ((), False)):
        detector = Finder("toy bowl", "red cube", at=at, containers=containers)
        step = tiny.planner(detector=detector).next(opened, "put the red cube in the toy bowl", ())
        assert isinstance(step, Done) == done


def test_the_head_gives_skills(obs):
    planner = HeadPlanner(Eager(tiny.planner_net().config), tiny.text_encoder())
    held = dataclasses.replace(obs, gripper_command=0.0, gripper=0.4)
    step = planner.next(held, PUT, ())
    assert step == Subtask(Skill(Verb.PLACE, "blue mug", Relation.IN, "tray"), 0)


# --- a plan from the sentence alone ---


@pytest.mark.parametrize(
    ("instruction", "relation", "place"),
    [
        ("Please put the red cube into the left drawer!", Relation.IN, "left drawer"),
        ("put the red cube onto the blue box", Relation.ON, "blue box"),
    ],
)
def test_a_plan_follows_from_a_plain_sentence(instruction, relation, place):
    wanted = Skill(Verb.GRASP, "red cube"), Skill(Verb.PLACE, "red cube", relation, place)
    assert plan_of(instruction) == wanted


@pytest.mark.parametrize(
    "instruction",
    ["grasp the red cube", "put it away", "put the red cube in the tray, quickly", "put the red cube", ""],
)
def test_no_plan_follows_from_any_other_sentence(instruction):
    assert plan_of(instruction) == ()


def test_a_script_goes_back_to_the_last_skill_that_is_no_placing(obs):
    steps = (Skill(Verb.OPEN, "drawer"), *plan_of("put the red cube in the drawer"))
    planner = ScriptedPlanner(steps)
    opened = dataclasses.replace(obs, gripper_command=1.0, gripper=1.0)
    held = dataclasses.replace(obs, gripper_command=0.0, gripper=0.4)
    assert [planner.next(opened, PUT, ()).skill for _ in steps] == list(steps)
    planner.reset()
    assert planner.next(held, PUT, ()).skill == steps[2]
    planner.reset()
    assert planner.next(opened, PUT, ()).skill == steps[1]
