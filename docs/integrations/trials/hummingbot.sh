#!/usr/bin/env bash
# Try what `run_mqtt` publishes with hummingbot's own code. Needs a C++ compiler, mosquitto, and the
# project's environment (`make install`). hummingbot's pins clash with ours: it gets a place of its own.
#
#   docs/integrations/trials/hummingbot.sh [ai_livestream.py]
#
# The argument is controllers/directional_trading/ai_livestream.py of hummingbot's repository, which the
# package on PyPI lacks; without it the MQTT bridge alone is tried. VENV: where to install.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VENV:-${TMPDIR:-/tmp}/cryptosite-hummingbot}
[[ -x $venv/bin/python ]] || "${PYTHON:-python3.11}" -m venv "$venv"
if ! "$venv/bin/python" -c 'import hummingbot.remote_iface.mqtt' 2>/dev/null; then
    # Without its dependencies: pandas-ta, one of them, is gone from PyPI for Python 3.11, and most
    # of the others are exchanges. What the bridge and the controller import follows.
    WITHOUT_CYTHON_OPTIMIZATIONS=1 "$venv/bin/pip" install --quiet --no-deps hummingbot==20260922
    "$venv/bin/pip" install --quiet aiohttp aiomqtt bidict cachetools commlib-py cryptography \
        eth-account numba numpy objgraph pandas prompt_toolkit psutil pydantic pyperclip pyyaml \
        requests ruamel.yaml scipy six sqlalchemy tabulate TA-Lib tqdm typer ujson 'urllib3<2' \
        aioprocessing asyncssh async-timeout base58 protobuf pyjwt
fi
controller=()
[[ -z ${1:-} ]] || controller=(--controller "$(realpath "$1")")
exec "$here/../../../.venv/bin/python" "$here/hummingbot_trial.py" \
    --python "$venv/bin/python" "${controller[@]}"
