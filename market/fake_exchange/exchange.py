"""The fake exchange itself: what is played, at which pace, what time it is, who is told.

Owned by the server, which runs `run` on its loop; tests drive it in lock-step instead. All of it
belongs to one event loop.
"""

import asyncio
import time
from collections.abc import Callable

from market.fake_exchange.candles import INTERVALS_MS, CandleBook
from market.fake_exchange.delivery import Delivery
from market.fake_exchange.faults import Fault, FaultKind, Faults
from market.fake_exchange.frames import Kind, Stamp, render
from market.fake_exchange.player import Player, Served
from market.fake_exchange.staging import ExchangePlan, Stage, stages_of

FRAMES_A_TURN = 512
SHORTEST_SLEEP_SECONDS = 0.0005
LONGEST_SLEEP_SECONDS = 0.02
UNREAD_BYTES = 1024 * 1024
"""At full speed no more than this is left unread by any client."""

CANDLES_EVERY_MS = 250.0
CANDLES_LATE_MS = 600
"""How long after its end a candle is told as closed: some trades are told late."""


class FakeExchange:
    """Serves the plan's recordings. Raises FeedError where one cannot be served."""

    def __init__(self, plan: ExchangePlan) -> None:
        self.plan = plan
        self.faults = Faults()
        self.delivery = Delivery(self.faults)
        self._stages = stages_of(plan)
        self._by_symbol = {name: stage for stage in self._stages for name in stage.names}
        self.symbols = plan.symbols or tuple(self._by_symbol)
        self.frames = 0
        self.on_book: Callable[[Player], None] | None = None
        """Told of each diff that was taken into a book, before it goes out; for tests."""
        self._elapsed_ns = 0.0
        self._turned = time.monotonic()
        self._candles_told: dict[str, tuple[int, int]] = {}
        self._candles_at = 0.0
        self._scheduled: list[tuple[float, Fault]] = []

    # What it knows

    def player(self, symbol: str) -> Player:
        """Return who plays a symbol. Raises KeyError where it is not served."""
        return self._by_symbol[symbol].player

    def candles(self, symbol: str) -> CandleBook:
        return self._by_symbol[symbol].candles

    def clock_ms(self) -> float:
        """Return the exchange's time: UTC, or the recording's where times are as recorded."""
        return self._true_ms() + self.faults.skew_ms()

    def listed(self, symbol: str) -> bool:
        """Tell whether the exchange knows a symbol now."""
        return symbol in self._by_symbol and not self.faults.holds(FaultKind.DELISTED, symbol)

    def halted(self, symbol: str) -> bool:
        return self.faults.holds(FaultKind.HALTED, symbol) is not None

    # What it does

    def schedule(self, after_seconds: float, fault: Fault) -> None:
        """Begin a fault some time from now."""
        self._scheduled.append((time.monotonic() + after_seconds, fault))

    def begin(self, fault: Fault) -> Fault:
        """Begin a fault now."""
        self.faults.begin(fault)
        if fault.kind is FaultKind.DROP:
            self.faults.end(fault)
        if fault.kind in (FaultKind.DROP, FaultKind.REFUSE):
            for session in self.delivery.sessions:
                session.abort()
        return fault

    def end(self, fault: Fault) -> None:
        self.faults.end(fault)
        self._ended(fault)
        self.delivery.flush()

    async def run(self) -> None:
        """Play at the plan's pace until cancelled; in lock-step only tend what goes on."""
        self._turned = time.monotonic()
        while True:
            waiting = self.turn()
            await asyncio.sleep(waiting)

    def turn(self) -> float:
        """Send what is due and tend faults, pings and candles; return how long to wait."""
        now = time.monotonic()
        self._tend(now)
        passed, self._turned = now - self._turned, now
        waiting = LONGEST_SLEEP_SECONDS
        if not self.plan.lock_step:
            self._elapsed_ns += passed * 1e9 * self.plan.speed * self.faults.speed()
            waiting = self._play()
        self._tell_candles()
        self.delivery.flush()
        return waiting

    def send(self, count: int) -> int:
        """In lock-step: send the next frames, of all recordings in order; return how many."""
        for sent in range(count):
            stage = self._next()
            if stage is None:
                return sent
            self._send_next(stage)
        self._finish_sending()
        return count

    def send_until(self, recorded_ns: int) -> int:
        """In lock-step: send what was received by this recorded time; return how many."""
        sent = 0
        while (stage := self._next()) is not None:
            if stage.player.recorded_ns() > recorded_ns:
                break
            self._send_next(stage)
            sent += 1
        self._finish_sending()
        return sent

    def _finish_sending(self) -> None:
        self._tell_candles()
        self.delivery.flush()

    def _play(self) -> float:
        flat_out = self.plan.speed == 0
        if flat_out and not self.delivery.asked:
            return LONGEST_SLEEP_SECONDS
        if flat_out and any(each.unread_bytes > UNREAD_BYTES for each in self.delivery.sessions):
            return SHORTEST_SLEEP_SECONDS
        for _ in range(FRAMES_A_TURN):
            stage = self._next()
            if stage is None:
                return LONGEST_SLEEP_SECONDS
            ahead_ns = (stage.player.due_ns() or 0) - self._elapsed_ns
            if ahead_ns > 0 and not flat_out:
                seconds = ahead_ns / 1e9 / (self.plan.speed * self.faults.speed())
                return min(max(seconds, SHORTEST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS)
            self._send_next(stage)
        return 0.0

    def _next(self) -> Stage | None:
        chosen: Stage | None = None
        earliest = 0
        for stage in self._stages:
            due = stage.player.due_ns()
            if due is not None and (chosen is None or due < earliest):
                chosen, earliest = stage, due
        return chosen

    def _send_next(self, stage: Stage) -> None:
        due_ns = stage.player.due_ns() or 0
        if self.plan.lock_step or self.plan.speed == 0:
            self._elapsed_ns = due_ns
        served = stage.player.take()
        kind, frame = served.frame.kind, served.frame
        stamp = self._stamp(stage.player, served, due_ns)
        self.frames += 1
        if kind is Kind.DEPTH and self.on_book is not None:
            self.on_book(stage.player)
        if kind is Kind.TRADE:
            stage.candles.trade(
                frame.price,
                frame.size,
                stamp.last_id,
                stamp.trade_ms,
                buyer_took=not frame.buyer_is_maker,
            )
        asked = self.delivery.asked
        for symbol, names in stage.names.items():
            stream = names[kind]
            if stream in asked:
                data = render(frame, symbol.encode(), stamp)
                self.delivery.say(symbol, kind, stream, data)

    def _stamp(self, player: Player, served: Served, due_ns: int) -> Stamp:
        frame, stamp = served.frame, served.stamp
        skew = self.faults.skew_ms()
        if self.plan.as_recorded:
            moved = player.moved_ms + skew
            return Stamp(
                frame.event_ms + moved, frame.trade_ms + moved, stamp.first_id, stamp.last_id
            )
        due_ms = time.time() * 1e3
        if not self.plan.lock_step and self.plan.speed:
            due_ms -= (self._elapsed_ns - due_ns) / 1e6 / (self.plan.speed * self.faults.speed())
        # An exchange does not stamp the future of its own clock.
        lag = frame.event_ms - frame.recv_ns / 1e6 - player.reel.clock_ahead_ms
        event_ms = int(due_ms + min(0.0, lag)) + skew
        trade_ms = event_ms - (frame.event_ms - frame.trade_ms)
        return Stamp(event_ms, trade_ms, stamp.first_id, stamp.last_id)

    def _true_ms(self) -> float:
        if not self.plan.as_recorded:
            return time.time() * 1e3
        player = self._stages[0].player
        return (player.origin_ns + self._elapsed_ns) / 1e6 + player.reel.clock_ahead_ms

    def _tend(self, now: float) -> None:
        due = [fault for at, fault in self._scheduled if at <= now]
        self._scheduled = [each for each in self._scheduled if each[0] > now]
        for fault in due:
            self.begin(fault)
        for fault in self.faults.expire():
            self._ended(fault)
        self._tend_sessions(now)

    def _ended(self, fault: Fault) -> None:
        self.delivery.release(fault)
        stage = self._next()
        if fault.kind is FaultKind.BURST and stage is not None:
            # What could not be sent in time is not sent faster than the market afterwards.
            self._elapsed_ns = min(self._elapsed_ns, stage.player.due_ns() or 0)

    def _tend_sessions(self, now: float) -> None:
        lifetime = self.faults.holds(FaultKind.LIFETIME)
        mute = self.faults.mute()
        for session in self.delivery.sessions:
            if lifetime is not None and now - session.since >= lifetime.after_seconds:
                session.say_goodbye()
            elif not mute:
                session.keep_alive(now)
        if any(session.gone for session in self.delivery.sessions):
            self.delivery.refresh()

    def _tell_candles(self) -> None:
        now_ms = self._true_ms()
        if abs(now_ms - self._candles_at) < CANDLES_EVERY_MS:
            return
        self._candles_at = now_ms
        for stage in self._stages:
            stage.candles.advance(now_ms - CANDLES_LATE_MS)
        for stream in list(self.delivery.asked):
            name, _, interval = stream.partition("@kline_")
            of_symbol = self._by_symbol.get(name.upper())
            if of_symbol is not None and interval in INTERVALS_MS:
                self._tell_candle(of_symbol.candles, name.upper(), interval, stream)

    def _tell_candle(self, candles: CandleBook, symbol: str, interval: str, stream: str) -> None:
        newest = candles.newest(interval)
        if newest is None:
            return
        event_ms = int(self.clock_ms())
        kind = f"kline_{interval}"
        told_open, told_trades = self._candles_told.get(stream, (newest.open_ms, -1))
        while told_open < newest.open_ms:
            closed = candles.candle(interval, told_open)
            if closed is not None:
                data = closed.event(symbol, interval, event_ms, closed=True)
                self.delivery.say(symbol, kind, stream, data)
            told_open, told_trades = told_open + INTERVALS_MS[interval], -1
        if newest.trades != told_trades:
            data = newest.event(symbol, interval, event_ms, closed=False)
            self.delivery.say(symbol, kind, stream, data)
        self._candles_told[stream] = (newest.open_ms, newest.trades)
