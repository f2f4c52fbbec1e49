"""What of the logs goes to the broker, and what is refused. Read by the loop.

Only a live market's predictions go out: a bot cannot be trusted to look at `live`. What is
refused is counted with its reason.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from inference.forecasts.entry import TickEntry
from inference.forecasts.publisher import tick_message
from inference.handover.chain import EntryFormatError
from inference.signals.entry import BatchEntry, Said
from inference.vocabulary import Role
from predictions.mqtt.board import Board
from predictions.mqtt.connection import Connection, Outgoing
from predictions.mqtt.messages import StandAside, signal_message, stand_aside, status_message
from predictions.mqtt.topics import Topics, pair_of

MOST_FORECASTS_WAITING = 1_000
"""Unacknowledged messages beyond which forecasts are dropped: signals must get through."""

log = structlog.get_logger(__name__)


class Withheld(StrEnum):
    """Why a prediction did not go to the broker."""

    NOT_LIVE = "not_live"
    SHADOW = "shadow"
    EXPIRED = "expired"
    UNKNOWN_PAIR = "unknown_pair"
    UNREADABLE = "unreadable"
    BROKER_AWAY = "broker_away"
    BROKER_SLOW = "broker_slow"


@dataclass(slots=True)
class Publishing:
    """Turns entries into messages on one connection after another. now_ms: UTC."""

    topics: Topics
    now_ms: Callable[[], float]
    connection: Connection | None = None
    signals: int = 0
    forecasts: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    _board: Board = field(default_factory=Board)

    def learn(self, packed: Iterable[bytes]) -> None:
        """Take signals that were said before a start; nothing is sent."""
        for said in self._said(packed):
            self._board.take(said)
        self.withheld.clear()

    def greet(self, connection: Connection) -> None:
        """Say on a new connection all that holds now, and withdraw what no longer does.

        Raises BrokerError, as all that follow.
        """
        self.connection = connection
        self._send(Outgoing(self.topics.status, status_message(True), kept=True))
        for said in self._board:
            self._tell(said)

    def publish_signals(self, packed: Iterable[bytes]) -> None:
        """Send what was said at candle closes; only the newest of a coin and timeframe."""
        newer = [said for said in self._said(packed) if self._board.take(said)]
        newest = {(each.signal.symbol, each.signal.timeframe): each for each in newer}
        for said in newest.values():
            if self.connection is None:
                self.withheld[Withheld.BROKER_AWAY] += 1
                continue
            if said.signal.expired(self.now_ms()):
                self.withheld[Withheld.EXPIRED] += 1
            self._tell(said)

    def publish_forecasts(self, packed: Iterable[bytes]) -> None:
        """Send each tick's forecasts whose target lies ahead."""
        for text in packed:
            try:
                entry = TickEntry.unpack(text)
            except EntryFormatError as error:
                self._unreadable(error)
                continue
            seconds = math.floor((entry.target_ms - self.now_ms()) / 1000)
            if reason := self._against(entry, seconds):
                self.withheld[reason] += len(entry.symbols)
                continue
            for symbol, frame in tick_message(entry, entry.numbers.T.tolist())["frames"].items():
                self._send_forecast(symbol, frame.encode(), seconds)

    def withdraw(self) -> None:
        """Tell bots to stand aside from what has expired."""
        for said in self._board.over(self.now_ms()):
            self._tell(said)

    def retire(self) -> None:
        """Tell bots to stand aside from everything: nobody will tell them when it is over."""
        for said in list(self._board.entered()):
            self._tell(said, StandAside.PUBLISHER_STOPPED)
        self._send(Outgoing(self.topics.status, status_message(False), kept=True))

    def _against(self, entry: TickEntry, seconds: int) -> Withheld | None:
        if not entry.live:
            return Withheld.NOT_LIVE
        if entry.role == Role.SHADOW:
            return Withheld.SHADOW
        if seconds < 1:
            return Withheld.EXPIRED
        return Withheld.BROKER_AWAY if self.connection is None else None

    def _said(self, packed: Iterable[bytes]) -> Iterable[Said]:
        for text in packed:
            try:
                entry = BatchEntry.unpack(text)
            except EntryFormatError as error:
                self._unreadable(error)
                continue
            for said in entry.signals:
                if not (entry.live and said.signal.live):
                    self.withheld[Withheld.NOT_LIVE] += 1
                elif said.signal.role is Role.SHADOW:
                    self.withheld[Withheld.SHADOW] += 1
                else:
                    yield said

    def _tell(self, said: Said, aside: StandAside | None = None) -> None:
        signal, now_ms = said.signal, self.now_ms()
        pair = pair_of(signal.symbol)
        if pair is None:
            self.withheld[Withheld.UNKNOWN_PAIR] += 1
            return
        if aside is None:
            aside = stand_aside(said, now_ms)
        # What is kept must not outlive validity, so its time is rounded down.
        seconds = math.floor((signal.valid_until_ms - now_ms) / 1000)
        lives = seconds if seconds >= 1 else None
        payload = signal_message(said, aside)
        for topic in self.topics.signals(pair, signal.timeframe):
            self._send(Outgoing(topic, payload, lives, kept=lives is not None))
        self._board.told(said, aside)
        self.signals += 1

    def _send_forecast(self, symbol: str, payload: bytes, seconds: int) -> None:
        pair = pair_of(symbol)
        if pair is None:
            self.withheld[Withheld.UNKNOWN_PAIR] += 1
        elif self.connection is None or self.connection.waiting >= MOST_FORECASTS_WAITING:
            self.withheld[Withheld.BROKER_SLOW] += 1
        else:
            self._send(Outgoing(self.topics.forecasts(pair), payload, seconds))
            self.forecasts += 1

    def _send(self, message: Outgoing) -> None:
        if self.connection is not None:
            self.connection.send(message)

    def _unreadable(self, error: EntryFormatError) -> None:
        self.withheld[Withheld.UNREADABLE] += 1
        log.warning("entry_not_published", error=str(error))
