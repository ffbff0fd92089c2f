# The environment of the stack, for ./run and for `source scripts/env.sh` in bash. What is set by the user
# before stays where that makes sense: another GL, a network profile for an arm on another machine.
_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
_ws=$_root/ros2_ws/install
_site=$(compgen -G "$_root/.venv/lib/python3.1[12]" | head -n 1)
_site=lib/${_site##*/}/site-packages

export VIRTUAL_ENV=$_root/.venv PATH=$_root/.venv/bin:$PATH
export AMENT_PREFIX_PATH=$_ws/vista_ros:$_ws/vista_msgs:$_ws/control_msgs:$_root/.venv
export CMAKE_PREFIX_PATH=$_ws/vista_msgs:$_ws/control_msgs:$_root/.venv
# The nodes' sources come first, so that an edit needs no build; nothing of another ROS may follow.
export PYTHONPATH=$_root/ros2_ws/src/vista_ros:$_ws/vista_msgs/$_site:$_ws/control_msgs/$_site:$_ws/vista_ros/$_site
_libs=$(tr ':' '\n' <<<"${LD_LIBRARY_PATH:-}" | grep -v -e '^$' -e '^/opt/ros/' -e "^$_root/" | paste -sd: || true)
export LD_LIBRARY_PATH=$_ws/vista_msgs/lib:$_ws/control_msgs/lib${_libs:+:$_libs}
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE  # else a Python would skip adding the libraries of the ROS wheels

export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
# Loopback only, unless told otherwise. Jazzy reads the first name, Kilted the second. Beside a real arm's drivers
# `vista up --real` takes back what was set here.
[[ -n ${ROS_AUTOMATIC_DISCOVERY_RANGE:-}${FASTRTPS_DEFAULT_PROFILES_FILE:-}${FASTDDS_DEFAULT_PROFILES_FILE:-} ]] || export VISTA_LOOPBACK=1
export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE:-$_root/config/ros/loopback.xml}
export FASTDDS_DEFAULT_PROFILES_FILE=${FASTDDS_DEFAULT_PROFILES_FILE:-$FASTRTPS_DEFAULT_PROFILES_FILE}
export ROS_LOG_DIR=${ROS_LOG_DIR:-$_root/runs/ros-log}

export MUJOCO_GL=${MUJOCO_GL:-egl}
export LP_NUM_THREADS=${LP_NUM_THREADS:-0}  # software rendering stays on the calling thread
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}  # the weights come with the repository
unset _root _ws _site _libs
# The classical planner breaks ties by the order of sets of words, which Python draws anew for each process.
export PYTHONHASHSEED="${PYTHONHASHSEED:-0}"
