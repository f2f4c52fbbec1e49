"""A freqtrade strategy that trades what a cryptosite instance says, and nothing else.

Copy this one file into `user_data/strategies`. It reads, from the environment:

    CRYPTOSITE_URL      where the instance is (http://127.0.0.1:8000)
    CRYPTOSITE_TOKEN    its API_TOKEN, if it has one
    CRYPTOSITE_VENUE    whose market the signals must be of (the configured exchange's name)
    CRYPTOSITE_TARGET   which target ends a trade: 1, 2 or 3 (1)

Live and dry runs take the signals that stand now (`/api/predictions`). Backtests take the ledger
as it stood at the end of the data (`/api/signals?as_of=`), and of it, candle by candle, only
what had been said by then. What is expired, of another market or not live is refused.
Where the instance does not answer, nothing is entered; open trades keep their stop and target.
"""

import csv
import io
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy, stoploss_from_absolute
from pandas import DataFrame

log = logging.getLogger(__name__)

HORIZON_CANDLES = 12
"""A signal looks this far; then its trade is closed."""
ENTER_WITHIN = timedelta(seconds=15)
"""A backtest enters at the candle's close. A signal said later than this came too late for it."""
PATIENCE_SECONDS = (3.05, 10.0)
DOWNLOAD_SECONDS = (3.05, 120.0)


class InstanceError(Exception):
    """The instance does not answer, or refuses: nothing is entered."""


@dataclass(frozen=True, slots=True)
class Said:
    """One signal as it was said. said_at: when it was made and, live, had reached the ledger."""

    symbol: str
    direction: str
    venue: str
    live: bool
    candle_open: datetime
    candle_close: datetime
    valid_until: datetime
    said_at: datetime
    revision: int
    entry: float
    stop_loss: float | None
    targets: tuple[float, ...]

    @property
    def tag(self) -> str:
        """Name it as a trade's entry tag."""
        return f"{self.candle_close:%Y-%m-%dT%H:%MZ} {self.direction} r{self.revision}"

    def refusal(self, venue: str, now: datetime) -> str:
        """Return why it may not be entered now; empty where it may."""
        if not self.live:
            return "not_live"
        if self.venue != venue:
            return "other_venue"
        if self.direction not in ("LONG", "SHORT") or self.stop_loss is None or not self.targets:
            return "no_trade"
        if now < self.said_at:
            return "not_said_yet"
        return "expired" if now >= self.valid_until else ""

    def passed(self, rate: float) -> bool:
        """Return whether the price is beyond the stop, or at the first target already."""
        if self.stop_loss is None or not self.targets:
            return True
        low, high = sorted((self.stop_loss, self.targets[0]))
        return not low < rate < high


def said_now(item: Mapping[str, Any]) -> Said:
    """Read one item of `/api/predictions`."""
    return Said(
        symbol=item["symbol"],
        direction=item["direction"],
        venue=item["venue"],
        live=item["live"] is True,
        candle_open=moment(item["candle_open"]),
        candle_close=moment(item["candle_close"]),
        valid_until=moment(item["valid_until"]),
        said_at=moment(item["made_at"]),
        revision=0,
        entry=item["entry"],
        stop_loss=item["stop_loss"],
        targets=tuple(each["price"] for each in item["take_profits"]),
    )


def said_then(row: Mapping[str, str]) -> Said:
    """Read one row of the ledger's CSV."""
    made, logged = moment(row["made_at"]), moment(row["logged_at"])
    live = row["live"].lower() == "true"
    return Said(
        symbol=row["symbol"],
        direction=row["direction"],
        venue=row["venue"],
        live=live,
        candle_open=moment(row["candle_open"]),
        candle_close=moment(row["candle_close"]),
        valid_until=moment(row["valid_until"]),
        said_at=max(made, logged) if live else made,
        revision=int(row["revision"]),
        entry=float(row["entry"]),
        stop_loss=float(row["stop_loss"]) if row["stop_loss"] else None,
        targets=tuple(
            float(row[name])
            for name in ("take_profit_1", "take_profit_2", "take_profit_3")
            if row[name]
        ),
    )


def standing_at_close(rows: Iterable[Said], venue: str) -> dict[datetime, Said]:
    """Return, by candle open, what a bot would have entered on right after the close.

    Of a candle's revisions the newest that had been said by then.
    """
    chosen: dict[datetime, Said] = {}
    for said in sorted(rows, key=lambda each: each.revision):
        if said.said_at <= said.candle_close + ENTER_WITHIN and said.venue == venue:
            chosen[said.candle_open] = said
    return {
        candle_open: said
        for candle_open, said in chosen.items()
        if not said.refusal(venue, said.candle_close + ENTER_WITHIN)
    }


def moment(text: str) -> datetime:
    """Read ISO 8601, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def symbol_of(pair: str) -> str:
    """Return BTCUSDT of BTC/USDT or BTC/USDT:USDT."""
    return pair.partition(":")[0].replace("/", "")


class Instance:
    """The REST API of one instance."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def current(self, timeframe: str) -> tuple[datetime, list[Said]]:
        """Return the instance's time, and the signals that stand. Raises InstanceError."""
        answer = self._get("/api/predictions", {"timeframe": timeframe}, PATIENCE_SECONDS)
        try:
            body = answer.json()
            return moment(body["timestamp"]), [said_now(each) for each in body["predictions"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InstanceError(f"{self._url} answered something else: {error!r}") from error

    def ledger(self, symbol: str, timeframe: str, since: datetime, as_of: datetime) -> list[Said]:
        """Return all that had been said by `as_of`. Raises InstanceError."""
        asked = {
            "symbol": symbol,
            "timeframe": timeframe,
            "live": "true",
            "late": "false",
            "from": since.isoformat(),
            "as_of": as_of.isoformat(),
            "format": "csv",
        }
        answer = self._get("/api/signals", asked, DOWNLOAD_SECONDS)
        try:
            rows = [
                row for row in csv.DictReader(io.StringIO(answer.text)) if row["role"] != "shadow"
            ]
            return [said_then(row) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise InstanceError(f"{self._url} answered something else: {error!r}") from error

    def _get(self, path: str, asked: dict[str, str], seconds: tuple[float, float]) -> Any:
        try:
            answer = self._session.get(self._url + path, params=asked, timeout=seconds)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise InstanceError(str(error)) from error
        return answer


class CryptositeStrategy(IStrategy):  # type: ignore[misc]
    """Enters on a signal while it is valid; leaves at its stop, its target or its horizon."""

    INTERFACE_VERSION = 3
    timeframe = "15m"
    # A signal appears about a second after the close: one look a candle could miss it.
    process_only_new_candles = False
    startup_candle_count = 0
    minimal_roi = {"0": 100.0}
    use_custom_roi = True
    # Holds until the signal's own stop is set, which only ever lies nearer.
    stoploss = -0.25
    use_custom_stoploss = True
    use_exit_signal = True

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.can_short = config.get("trading_mode") == "futures"
        url = os.environ.get("CRYPTOSITE_URL", "http://127.0.0.1:8000")
        self._instance = Instance(url, os.environ.get("CRYPTOSITE_TOKEN", ""))
        exchange = config.get("exchange", {}).get("name", "binance")
        self._venue = os.environ.get("CRYPTOSITE_VENUE") or exchange
        target = os.environ.get("CRYPTOSITE_TARGET") or "1"
        if target not in ("1", "2", "3"):
            raise OperationalException(f"CRYPTOSITE_TARGET={target}: must be 1, 2 or 3")
        self._target = int(target)
        self._standing: dict[str, Said] = {}
        self._known: dict[tuple[str, str], Said] = {}
        self._away = False

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Ask what stands now; in a backtest nothing does."""
        if not self._runs():
            return
        self._standing = {}
        try:
            told, items = self._instance.current(self.timeframe)
        except InstanceError as error:
            if not self._away:
                log.warning("cryptosite does not answer, nothing is entered: %s", error)
            self._away = True
            return
        if self._away:
            log.info("cryptosite answers again")
        self._away = False
        now = max(told, datetime.now(UTC))
        for said in items:
            if not said.refusal(self._venue, now):
                self._standing[said.symbol] = said

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Lay what was said beside the candles that it was said of."""
        by_candle = self._by_candle(dataframe, metadata["pair"])
        said = [by_candle.get(date.to_pydatetime()) for date in dataframe["date"]]
        dataframe["said"] = [each.tag if each else "" for each in said]
        dataframe["said_side"] = [
            0 if each is None else 1 if each.direction == "LONG" else -1 for each in said
        ]
        for each in filter(None, said):
            self._known[metadata["pair"], each.tag] = each
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Enter on LONG and, with futures, on SHORT."""
        dataframe["enter_long"] = (dataframe["said_side"] == 1).astype(int)
        if self.can_short:
            dataframe["enter_short"] = (dataframe["said_side"] == -1).astype(int)
        dataframe["enter_tag"] = dataframe["said"]
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Leave the exits to stop, target and horizon."""
        return dataframe

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """Look once more: not expired by now, price between stop and target, not entered before."""
        said = self._known.get((pair, entry_tag or ""))
        if said is None or said.passed(rate):
            return False
        if self._runs() and said.refusal(self._venue, datetime.now(UTC)):
            return False
        return all(trade.enter_tag != entry_tag for trade in Trade.get_trades_proxy(pair=pair))

    def order_filled(
        self, pair: str, trade: Trade, order: Any, current_time: datetime, **kwargs: Any
    ) -> None:
        """Keep the levels with the trade, so that they outlive a restart."""
        said = self._known.get((pair, trade.enter_tag or ""))
        if said is None or order.ft_order_side != trade.entry_side or said.stop_loss is None:
            return
        trade.set_custom_data("stop_loss", said.stop_loss)
        trade.set_custom_data("target", said.targets[self._target - 1])
        ends = said.candle_close + HORIZON_CANDLES * (said.candle_close - said.candle_open)
        trade.set_custom_data("ends", ends.isoformat())

    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> float | None:
        """Return the signal's stop, as freqtrade counts it."""
        stop = trade.get_custom_data("stop_loss")
        if stop is None:
            return None
        found: float = stoploss_from_absolute(
            stop, current_rate, is_short=trade.is_short, leverage=trade.leverage
        )
        return found

    def custom_roi(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        trade_duration: int,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float | None:
        """Return the profit, after fees, that leaving at the target brings."""
        target = trade.get_custom_data("target")
        return None if target is None else float(trade.calc_profit_ratio(target))

    def custom_exit(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | None:
        """Leave when the signal's horizon is over."""
        ends = trade.get_custom_data("ends")
        return "horizon" if ends is not None and current_time >= moment(ends) else None

    def _runs(self) -> bool:
        return self.dp is not None and self.dp.runmode.value in ("live", "dry_run")

    def _by_candle(self, dataframe: DataFrame, pair: str) -> dict[datetime, Said]:
        if self._runs():
            said = self._standing.get(symbol_of(pair))
            return {} if said is None else {said.candle_open: said}
        if dataframe.empty:
            return {}
        first = dataframe["date"].iloc[0].to_pydatetime()
        last = dataframe["date"].iloc[-1].to_pydatetime()
        length = timedelta(seconds=self._timeframe_seconds())
        try:
            rows = self._instance.ledger(
                symbol_of(pair), self.timeframe, first, last + length + ENTER_WITHIN
            )
        except InstanceError as error:
            # A backtest without signals would look like one in which nothing was said.
            raise OperationalException(f"cryptosite does not answer: {error}") from error
        return standing_at_close(rows, self._venue)

    def _timeframe_seconds(self) -> int:
        return {"15m": 900, "1h": 3_600, "4h": 14_400, "1d": 86_400}[self.timeframe]
