"""The Gymnasium environments keep Gymnasium's own rules and ours."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from vista.errors import InvalidValueError, UnknownNameError
from vista.robot.kinematics import matrix_to_delta
from vista_sim.env import IDS, TabletopEnv

SMALL = {"image_size": 64}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_passes(name):
    env = gymnasium.make(name, render_mode="rgb_array", **SMALL)
    check_env(env.unwrapped)
    env.close()


def test_the_same_seed_gives_the_same_start_and_another_another():
    env = gymnasium.make("vista/PickPlace-v0", **SMALL)
    (a, info), (b, info2), (c, _) = (env.reset(seed=s) for s in (5, 5, 6))
    env.close()
    assert info == info2
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert not np.array_equal(a["front"], c["front"])


def test_the_expert_earns_one_reward_through_the_environment():
    env = gymnasium.make("vista/PickPlace-v0", **SMALL)
    env.reset(seed=1)
    inner = env.unwrapped
    rewards, ended = [], False
    for skill in inner.task.skills:
        while not ended:
            wanted = inner.task.act(inner.world, skill)
            if wanted.done:
                break
            delta = matrix_to_delta(np.linalg.inv(inner.world.ee_pose()) @ wanted.target)
            obs, reward, ended, cut, info = env.step(np.array([*delta, wanted.gripper], np.float32))
            rewards.append(reward)
            assert not cut
    env.close()
    assert ended
    assert info["success"]
    assert rewards[-1] == 1.0
    assert sum(rewards) == 1.0
    assert env.observation_space.contains(obs)


def test_a_scene_and_a_target_can_be_asked_for():
    env = TabletopEnv("pick_place", **SMALL)
    _, info = env.reset(seed=0, options={"scene_seed": 10_003, "target": "red cube"})
    assert info["scene_seed"] == 10_003
    assert info["instruction"] == "put the red cube in the tray"
    env.close()


def test_bad_use_is_named():
    with pytest.raises(UnknownNameError, match="unknown task 'juggle'"):
        TabletopEnv("juggle")
    with pytest.raises(UnknownNameError, match="unknown seed range"):
        TabletopEnv("stack", split="mine")
    with pytest.raises(UnknownNameError, match="unknown render mode"):
        TabletopEnv("stack", render_mode="human")
    with pytest.raises(InvalidValueError, match="image_size 4"):
        TabletopEnv("stack", image_size=4)
    env = TabletopEnv("stack", **SMALL)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(7))
    env.reset(seed=0)
    for action in (np.zeros(6), np.full(7, np.nan)):
        with pytest.raises(InvalidValueError, match="7 finite numbers"):
            env.step(action)
    env.close()
    env.close()
