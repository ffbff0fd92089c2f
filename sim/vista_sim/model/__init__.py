"""The MuJoCo model of a scene."""
