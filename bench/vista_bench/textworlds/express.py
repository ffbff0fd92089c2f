"""TextWorldExpress: games in a house, told in text (Jansen and Cote, 2023).

Seen are the answer to the last command, the description of the room and the inventory, which the world gives
after every step; the list of valid commands only spells a step in the game's letters. The world runs in Java.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from robomemory.planning import Step, seen
from robomemory.records import Triple
from vista.errors import ConfigError
from vista_bench.textworlds import house
from vista_bench.textworlds.express_text import (
    in_room,
    inventory_text,
    map_text,
    recipe_text,
    room_text,
    word,
)
from vista_bench.textworlds.view import GameGoal, View, WorldBelief, held

FOLDS = ("train", "dev", "test")

_HOUSE = "numLocations=11,limitInventorySize=0"
PARAMETERS = {
    "coin": f"{_HOUSE},includeDoors=1,numDistractorItems=0",
    "mapreader": f"{_HOUSE},includeDoors=0,maxDistanceApart=4,maxDistractorItemsPerLocation=3",
    "cookingworld": f"{_HOUSE},includeDoors=1,numIngredients=3,numDistractorItems=5",
}
"""How each game is made."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the world: ``text`` answers the last command; ``room`` and ``inventory`` describe the
    surroundings; ``valid`` are the commands that it takes; ``score`` up to 1."""

    text: str
    room: str
    inventory: str
    valid: tuple[str, ...]
    task: str
    score: float
    over: bool
    won: bool

    @classmethod
    def of(cls, infos: Any) -> Reply:
        """The reply in the package's dictionary."""
        won = bool(infos["tasksuccess"])
        return cls(
            str(infos["observation"]),
            str(infos["look"]),
            str(infos["inventory"]),
            tuple(map(str, infos["validActions"])),
            str(infos["taskDescription"]),
            float(infos["score"]),
            bool(infos["done"]) or won,
            won,
        )


class ExpressServer:
    """The world's process; one serves any number of games, one after another.

    Raises:
        ConfigError: the package or Java is missing; the message says how to get it.
    """

    def __init__(self) -> None:
        if shutil.which("java") is None:
            raise ConfigError("TextWorldExpress needs a Java runtime (17): ./run setup textworlds")
        try:
            from textworld_express import TextWorldExpressEnv
        except ImportError as error:
            raise ConfigError(
                f"TextWorldExpress is not installed ({error}): ./run setup textworlds"
            ) from error
        self._env: Any = TextWorldExpressEnv(envStepLimit=1_000_000)
        self._loaded = ""

    def seeds(self, game: str, fold: str) -> list[int]:
        """The seeds of ``fold`` ("train", "dev" or "test"), as the package divides them."""
        self._load(game)
        env = self._env
        return [int(s) for s in {"train": env.getValidSeedsTrain, "dev": env.getValidSeedsDev,
                                 "test": env.getValidSeedsTest}[fold]()]  # fmt: skip

    def reset(self, game: str, fold: str, seed: int) -> Reply:
        self._load(game)
        _, infos = self._env.reset(seed=seed, gameFold=fold, generateGoldPath=False)
        return Reply.of(infos)

    def step(self, command: str) -> Reply:
        *_, infos = self._env.step(command)
        return Reply.of(infos)

    def close(self) -> None:
        self._env.close()

    def _load(self, game: str) -> None:
        if self._loaded != game:
            self._env.load(game, PARAMETERS[game])
            self._loaded = game


class ExpressGame:
    """One episode; subclasses tell the subgoals."""

    domain = house.HOUSE
    name = ""

    def __init__(self, server: ExpressServer, fold: str, seed: int) -> None:
        self._server, self._fold, self._seed = server, fold, seed
        self._valid: dict[str, str] = {}
        self._exits: dict[str, str] = {}
        self.task = ""

    def start(self) -> View:
        reply = self._server.reset(self.name, self._fold, self._seed)
        self.task = reply.task
        return self._view(reply, None)

    def act(self, step: Step) -> View:
        return self._view(self._server.step(self._spelled(self.command(step))), step)

    def infer(self, belief: WorldBelief) -> WorldBelief:
        return house.with_ways(belief)

    def refine(self, steps: Sequence[Step], belief: WorldBelief) -> Sequence[Step]:
        return steps

    def wander(self, belief: WorldBelief, rng: random.Random) -> Sequence[Step]:
        return ()

    def useful(self, belief: WorldBelief) -> frozenset[str]:
        return house.rooms(belief)

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        raise NotImplementedError

    def command(self, step: Step) -> str:
        """The command for ``step``."""
        first, *rest = map(word, step.arguments)
        match step.operator:
            case "go":
                return f"move {self._exits.get(first, 'nowhere')}"
            case "open door" | "open way":
                return f"open door to {first.rpartition(' ')[2]}"
            case "take out" | "take off" | "pick up":
                return f"take {first}"
            case "put in" | "put on":
                return f"put {first} in {rest[0]}"
            case "look":
                return "look around"
            case "cut":
                verb = next(v for v, made in house.CUTS.items() if made == rest[0])
                return f"{verb} {first}"
            case "cook":
                return f"cook {first} in {rest[1]}"
            case _:
                return f"{step.operator} {first}"

    def _spelled(self, command: str) -> str:
        return self._valid.get(command.casefold(), command)

    def _view(self, reply: Reply, step: Step | None) -> View:
        room, hand = room_text(reply.room), inventory_text(reply.inventory)
        told, kinds = self.told(reply.text)
        looked = room.looked | hand.looked
        if step is not None and step.operator == "read" and told:
            looked |= {step.about}
        self._valid = {command.casefold(): command for command in reply.valid}
        self._exits = {o: s.rpartition(" ")[2] for s, r, o in room.facts if r == "leads to"}
        # What is shut and cannot be opened holds nothing for anybody: furniture, not a place to look into.
        fixed = {s for s, r, o in room.facts if (r, o) == ("is", "closed")
                 and room.kinds[s] == "holder" and f"open {word(s)}" not in self._valid}  # fmt: skip
        return View(
            reply.text,
            room.facts | hand.facts | told,
            looked,
            {**room.kinds, **dict.fromkeys(fixed, "thing"), **hand.kinds, **kinds},
            max(0.0, reply.score),
            reply.over,
            reply.won,
        )

    def told(self, text: str) -> tuple[frozenset[Triple], dict[str, str]]:
        """Facts and kinds that the answer to a command tells beside room and inventory."""
        return frozenset(), {}


class Coin(ExpressGame):
    """Find the coin, which lies in some room behind doors, and take it."""

    name = "coin"

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        return [GameGoal(frozenset({held("coin")}), ("coin",))]


class MapReader(ExpressGame):
    """Bring the coin from a room far away into the box; a map may be read."""

    name = "mapreader"

    def infer(self, belief: WorldBelief) -> WorldBelief:
        """Adds the facts of the task's own text: where the coin lies until it is seen elsewhere, where the
        box is."""
        belief = super().infer(belief)
        place, room = self._places()
        box = in_room("box", room)
        facts = set(belief.facts) | {(box, "in", room), (box, "is", "open")}
        kinds = {**belief.kinds, box: "holder", room: "room", place: "room"}
        if not any(s == "coin" for s, _, _ in facts):
            facts.add(("coin", "in", place))
            kinds["coin"] = "food"
        return replace(belief, facts=frozenset(facts), kinds=kinds)

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        _, room = self._places()
        return [
            GameGoal(frozenset({("coin", "in", in_room("box", room))}), ("coin",)),
            GameGoal(frozenset({seen("map")}), ("map",)),
        ]

    def told(self, text: str) -> tuple[frozenset[Triple], dict[str, str]]:
        facts = map_text(text)
        return facts, {name: "room" for s, _, o in facts for name in (s, o)}

    def _places(self) -> tuple[str, str]:
        found = re.search(
            r"located in the ([^,]+), and put it into the box found in the ([^.]+)\.", self.task
        )
        if found is None:
            raise ConfigError(f"TextWorldExpress mapreader: task {self.task!r} is not understood")
        return found[1].casefold(), found[2].casefold()


class CookingWorld(ExpressGame):
    """Read the cookbook, gather and treat the ingredients, prepare the meal and eat it."""

    name = "cookingworld"

    def infer(self, belief: WorldBelief) -> WorldBelief:
        belief = super().infer(belief)
        facts = belief.facts | {("meal", "made in", "kitchen")}
        return replace(belief, facts=facts, kinds={**belief.kinds, "meal": "dish", "kitchen": "room"})

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        """Ingredients one by one; a plan for all of them at once would be long and is not needed."""
        if seen("cookbook") not in belief.facts:
            return [GameGoal(frozenset({seen("cookbook")}), ("cookbook",))]
        wanted = [o for _, o in belief.all("asks for")]
        must = belief.all("must be")
        found = [GameGoal(frozenset({held(thing)}), (thing,)) for thing in wanted]
        if any(how in house.CUTS.values() for _, how in must):
            found.append(GameGoal(frozenset({held("knife")}), ("knife",)))
        for thing, how in must:
            cut = how in house.CUTS.values()
            needs = (thing, "knife") if cut else (thing, *self._appliance(belief, how))
            found.append(GameGoal(frozenset({(thing, "cut" if cut else "cooked", how)}), needs))
        open_ = [s for s in found if not s.facts <= belief.facts]
        if held("meal") in belief.facts:
            return [GameGoal(frozenset({("meal", "eaten", "yes")}))]
        return open_ or [GameGoal(frozenset({held("meal")}))]

    def useful(self, belief: WorldBelief) -> frozenset[str]:
        makers = {s for s, r, _ in belief.facts if r == "makes"}
        return house.rooms(belief) | makers | {"knife", "kitchen"}

    def told(self, text: str) -> tuple[frozenset[Triple], dict[str, str]]:
        facts = recipe_text(text)
        return facts, {o: "food" for _, r, o in facts if r == "asks for"}

    @staticmethod
    def _appliance(belief: WorldBelief, how: str) -> tuple[str, ...]:
        """The appliance that makes things so, "?" if none is known yet."""
        known = [s for s, o in belief.all("makes") if o == how]
        return (known[0] if known else f"something that makes things {how}",)


GAMES: dict[str, type[ExpressGame]] = {g.name: g for g in (Coin, MapReader, CookingWorld)}
