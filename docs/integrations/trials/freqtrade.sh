#!/usr/bin/env bash
# Try CryptositeStrategy with freqtrade's own backtest and look-ahead analysis. Needs the project's
# environment (`make install`). freqtrade's pins clash with ours: it gets an environment of its own.
#
#   docs/integrations/trials/freqtrade.sh CANDLES RECORDING…
#
# CANDLES: a folder with BTC_USDT-15m.feather and ETH_USDT-15m.feather that cover August 2024, as
# freqtrade stores them. RECORDING: recorded frames for the fake exchange. VENV: where to install.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${VENV:-${TMPDIR:-/tmp}/cryptosite-freqtrade}
[[ -x $venv/bin/python ]] || "${PYTHON:-python3.11}" -m venv "$venv"
[[ -x $venv/bin/freqtrade ]] || "$venv/bin/pip" install --quiet freqtrade==2026.9
candles=$(realpath "${1:?a folder of candles}")
shift
exec "$here/../../../.venv/bin/python" "$here/freqtrade_trial.py" \
    --program "$venv/bin/freqtrade" --candles "$candles" --recordings "$@"
