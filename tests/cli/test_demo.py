"""What a demo uses where the user has not said otherwise."""

from vista.cli.demo import LONGER, SEARCH, own_values


def test_a_search_is_shown_with_stand_ins_or_with_none():
    shown = own_values({"task": "search"}, "0")
    assert SEARCH.items() <= shown.items()
    for part in ("policy", "world_model", "detector"):
        own = own_values({"task": "search", part: "mine"}, "0")
        assert LONGER.items() <= own.items()
        assert not {"world_model", "detector"} & own.keys()
    assert own_values({"task": "search", "planner": "mine"}, "0")["policy"] == "scripted"


def test_each_search_has_a_memory_of_its_own_and_the_longer_tasks_their_executor():
    assert own_values({"task": "search"}, "0")["scene_name"] == "search-0"
    assert own_values({"task": "search", "seed": 3}, "0")["scene_name"] == "search-3"
    assert own_values({"task": "tidy"}, "0") == dict(LONGER)
    assert own_values({}, "0") == {}
