"""The columns of downloaded forecasts and signals: named as in JSON, what is nested laid flat.

Prices are in quote currency, shares from 0 to 1, times market time in UTC unless said otherwise.
"""

from predictions.downloads.columns import Column, Kind, Table, columns_of

_AT_TARGET = "target_ts"
_AT_END = "outcome__known_ts"

_ENTRY = (
    Column("late", Kind.TRUTH, "reached the log too late to count in any statistic"),
    Column("leaf", Kind.INTEGER, "index of the packed entry in the transparency log", "leaf_id"),
    Column("entry_hash", Kind.HASH, "SHA-256 of the packed entry, hex", "leaf__entry_hash"),
    Column("logged_at", Kind.MOMENT, "reached the log (wall clock)", "leaf__stream_ms"),
    Column("recorded_at", Kind.TIME, "stored here (wall clock)", "leaf__recorded_at"),
)


def _outcome(name: str, kind: Kind, doc: str, known_from: str) -> Column:
    return Column(f"outcome_{name}", kind, doc, f"outcome__{name}", known_from)


def _touch(name: str, doc: str) -> Column:
    return Column(f"outcome_{name}_at", Kind.MOMENT, doc, f"outcome__{name}_ts", _AT_END)


FORECASTS = Table(
    "forecasts",
    (
        Column("id", Kind.INTEGER, "the row's number"),
        Column("symbol", Kind.TEXT, "as stored: BTCUSDT"),
        Column("venue", Kind.TEXT, "which market"),
        Column("live", Kind.TRUTH, "whether that is a real one, as it happens"),
        Column("tick", Kind.INTEGER, "number of the tick, the sequence number"),
        Column("predicted_at", Kind.TIME, "the decision's time"),
        Column("target_at", Kind.MOMENT, "what it was said about", "target_ts"),
        Column("made_at", Kind.MOMENT, "when it was written", "made_ts"),
        *columns_of(
            Kind.NUMBER,
            current_price="last trade, quote currency",
            mid_price="mid at the decision, quote currency",
            predicted_price="predicted mid at the target, quote currency",
            lower="lower end of the 90 % interval, quote currency",
            upper="upper end of the 90 % interval, quote currency",
            p_up="probability that the mid rises, 0 to 1",
            p_flat="probability that it does not move, 0 to 1",
            p_down="probability that it falls, 0 to 1",
            confidence="quality of the data, 0 to 1; no probability of being right",
        ),
        Column("source", Kind.TEXT, "redis, or which fallback"),
        Column("reason", Kind.TEXT, "why it is a fallback; empty if none"),
        Column("model_version", Kind.TEXT, "version, with the fallback's suffix"),
        Column("base_version", Kind.TEXT, "version without suffix"),
        Column("role", Kind.TEXT, "champion, baseline or shadow"),
        Column("model_digest", Kind.TEXT, "SHA-256 of the model's files, hex"),
        Column("completeness", Kind.NUMBER, "share of the 20 features that were there, 0 to 1"),
        Column("features_age_ms", Kind.NUMBER, "age of the features, ms"),
        Column("latency_ms", Kind.NUMBER, "from reading to writing, ms"),
        Column("interval_low", Kind.NUMBER, "correction of the lower end, in σ"),
        Column("interval_high", Kind.NUMBER, "correction of the upper end, in σ"),
        Column("feature_at", Kind.MOMENT, "time of the features", "feature_ts"),
        Column("event_at", Kind.MOMENT, "time of the newest market event", "event_ts"),
        Column("exchange_at", Kind.MOMENT, "that by the exchange's clock", "exchange_ts"),
        *_ENTRY,
        _outcome("status", Kind.TEXT, "graded or ungradable; null until known", _AT_TARGET),
        _outcome("reason", Kind.TEXT, "why it is ungradable", _AT_TARGET),
        _outcome("target_mid", Kind.NUMBER, "mid at the target, quote currency", _AT_TARGET),
        _outcome("price_from", Kind.TEXT, "tick or px: where that was read", _AT_TARGET),
        _outcome("return_bp", Kind.NUMBER, "move of the mid, bp", _AT_TARGET),
        _outcome("error_bp", Kind.NUMBER, "predicted against the target's mid, bp", _AT_TARGET),
        _outcome("no_change_error_bp", Kind.NUMBER, "the same of saying no change, bp", _AT_TARGET),
        _outcome("direction_hit", Kind.TRUTH, "null where the mid did not move", _AT_TARGET),
        _outcome("covered", Kind.TRUTH, "inside the interval", _AT_TARGET),
        _outcome("graded_at", Kind.TIME, "graded here (wall clock)", _AT_TARGET),
    ),
    ("predicted_at", "id"),
)


SIGNALS = Table(
    "signals",
    (
        Column("id", Kind.INTEGER, "the row's number"),
        Column("symbol", Kind.TEXT, "as stored: BTCUSDT"),
        Column("timeframe", Kind.TEXT, "length of the candle"),
        Column("venue", Kind.TEXT, "which market"),
        Column("live", Kind.TRUTH, "whether that is a real one, as it happens"),
        Column("batch", Kind.INTEGER, "number of the batch, the sequence number"),
        Column("revision", Kind.INTEGER, "above 0 it supersedes the one before"),
        Column("superseded", Kind.TRUTH, "a later revision was said (by as_of)"),
        Column("candle_open", Kind.MOMENT, "open of the candle"),
        Column("candle_close", Kind.MOMENT, "close of the candle"),
        Column("provisional", Kind.TRUTH, "the candle was not confirmed by the exchange"),
        Column("predicted_at", Kind.MOMENT, "the decision's time", "prediction_ts"),
        Column("valid_until", Kind.MOMENT, "until when it could be entered", "valid_until_ts"),
        Column("made_at", Kind.MOMENT, "when it was computed", "made_ts"),
        Column("direction", Kind.TEXT, "LONG, SHORT or NO_TRADE"),
        Column("reason", Kind.TEXT, "why NO_TRADE; empty otherwise"),
        *columns_of(
            Kind.NUMBER,
            confidence="the largest of the three probabilities, 0 to 1",
            p_long="probability that entry + 1 R is touched first, 0 to 1",
            p_short="probability that entry - 1 R is touched first, 0 to 1",
            p_no_trade="probability that neither is, 0 to 1",
            threshold="probability from which the model's directions count, 0 to 1",
            entry="close of the candle, quote currency",
            risk="1 R, quote currency",
            stop_loss="1 R against the direction, quote currency",
            take_profit_1="1 R in it, quote currency",
            take_profit_2="2 R, quote currency",
            take_profit_3="3 R, quote currency",
        ),
        Column("tp_eta_minutes", Kind.INTEGER, "median time to the first target, minutes"),
        Column("tp_eta_low_minutes", Kind.INTEGER, "start of its 80 % interval, minutes"),
        Column("tp_eta_high_minutes", Kind.INTEGER, "end of its 80 % interval, minutes"),
        Column("model_version", Kind.TEXT, "version"),
        Column("role", Kind.TEXT, "champion, baseline or shadow"),
        Column("model_digest", Kind.TEXT, "SHA-256 of the model's files, hex"),
        Column("model_accuracy", Kind.NUMBER, "its accuracy out of sample, 0 to 1"),
        *_ENTRY,
        _outcome("status", Kind.TEXT, "graded or ungradable; null until known", _AT_END),
        _outcome("reason", Kind.TEXT, "why it is ungradable", _AT_END),
        _outcome("result", Kind.TEXT, "what ended it", _AT_END),
        _outcome(
            "touched",
            Kind.TEXT,
            "which barrier was touched first: LONG, SHORT or NO_TRADE",
            _AT_END,
        ),
        _outcome("path_timeframe", Kind.TEXT, "candles that it was graded along", _AT_END),
        Column("outcome_ended_at", Kind.MOMENT, "when it ended", "outcome__ended_ts", _AT_END),
        Column("outcome_known_at", Kind.MOMENT, "horizon's end", "outcome__known_ts", _AT_END),
        _outcome("entry_gap_bp", Kind.NUMBER, "from the entry to the next open, bp", _AT_END),
        _touch("stop_loss", "close of the bar that touched the stop-loss"),
        _touch("take_profit_1", "close of the bar that touched target 1"),
        _touch("take_profit_2", "close of the bar that touched target 2"),
        _touch("take_profit_3", "close of the bar that touched target 3"),
        _outcome("exit_price", Kind.NUMBER, "where it ended, quote currency", _AT_END),
        _outcome("r_multiple", Kind.NUMBER, "gain in R before fees", _AT_END),
        _outcome("r_after_fees", Kind.NUMBER, "gain in R after fees", _AT_END),
        _outcome("fee_bp", Kind.NUMBER, "the fee taken for each side, bp", _AT_END),
        _outcome("tp_minutes", Kind.NUMBER, "from the entry to target 1, minutes", _AT_END),
        _outcome("eta_covered", Kind.TRUTH, "that lay in the ETA's interval", _AT_END),
        _outcome("graded_at", Kind.TIME, "graded here (wall clock)", _AT_END),
    ),
    ("predicted_at", "id"),
)
