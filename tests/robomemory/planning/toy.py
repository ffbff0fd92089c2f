"""A small world without physics for the planner: drawers, a tray, a table, and things that may slip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from robomemory.planning import Finished, MemoryPlanner, Observed, Step, Stuck
from robomemory.planning.manipulation import CONTAINER, DRAWER, SURFACE, THING

DRAWERS = ("left drawer", "middle drawer", "right drawer")
SECOND_NS = 10**9


@dataclass
class Toy:
    """``where`` {thing: place}; ``slips``: things that only a gentle hand carries; ``now_s``: the clock."""

    where: Mapping[str, str]
    slips: frozenset[str] = frozenset()
    now_s: int = 0
    trays: tuple[str, ...] = ("tray",)
    opened: set[str] = field(default_factory=set)
    held: str = ""
    gentle: bool = False

    def __post_init__(self) -> None:
        self.at = dict(self.where)

    def look(self) -> Observed:
        self.now_s += 1
        visible = frozenset({"table", *self.trays, *self.opened})
        objects = {"table": SURFACE, **dict.fromkeys(self.trays, CONTAINER), **dict.fromkeys(DRAWERS, DRAWER)}
        facts = {(place, "is", "open") for place in visible}
        facts |= {(drawer, "is", "closed") for drawer in DRAWERS if drawer not in self.opened}
        for thing, place in self.at.items():
            if place in visible:
                objects[thing] = THING
                facts.add((thing, "on" if place == "table" else "in", place))
        if self.held:
            objects[self.held] = THING
            facts.add((self.held, "held by", "gripper"))
        facts.add(("gripper", "is", "full" if self.held else "empty"))
        return Observed(self.now_s * SECOND_NS, objects, frozenset(facts), visible)

    def do(self, step: Step) -> bool:
        if step.operator == "open":
            self.opened.add(step.about)
        elif step.operator.startswith("grasp"):
            self.held, self.gentle = step.about, "gently" in step.operator
            self.at.pop(step.about)
        elif not self.held:
            return True  # an arm that puts nothing down may well call that done
        else:
            slipped = self.held in self.slips and not self.gentle
            self.at[self.held] = "table" if slipped else step.arguments[1]
            self.held = ""
        return True


@dataclass
class Told:
    """How an attempt went: ``steps`` in words with the reasons, and its ``end``."""

    steps: list[str]
    why: list[str]
    end: Finished | Stuck


def attempt(planner: MemoryPlanner, toy: Toy, *says: str, budget: int = 12) -> Told:
    """Run ``says``, one instruction after the other, in ``toy``."""
    steps: list[str] = []
    why: list[str] = []
    end: Finished | Stuck = Stuck("nothing was said")
    for sentence in says:
        view = toy.look()
        planner.begin(sentence, view)
        while isinstance(step := planner.next(view), Step) and len(steps) < budget:
            steps.append(step.text)
            why.append(planner.why)
            reached = toy.do(step)
            after = toy.look()
            planner.result(step, reached, "", view, after)
            view = after
        end = step if not isinstance(step, Step) else Stuck("budget")
        planner.finish(
            isinstance(end, Finished), getattr(end, "reason", getattr(end, "cause", "")), view.stamp_ns
        )
    return Told(steps, why, end)
