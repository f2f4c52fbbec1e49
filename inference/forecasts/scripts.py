"""The one write of a tick as Lua: behind the fence, every `pred:` and the message."""

from inference.handover.scripts import FENCE_AND_LOG

TICK_FIELDS = ("prediction_ts", "target_ts", "latency_ms", "venue", "live")
"""Fields of `pred:` that all symbols of a tick share."""

SYMBOL_FIELDS = (
    "predicted_price",
    "current_price",
    "confidence",
    "features_age_ms",
    "mid_price",
    "lower",
    "upper",
    "p_up",
    "source",
    "model_version",
    "reason",
)
"""Fields of `pred:` of one symbol. Names travel with the script and shared values once a tick,
not with every symbol of every tick: half of what Redis would otherwise have to read."""

_FIELDS = [f"'{name}', shared[{n}]" for n, name in enumerate(TICK_FIELDS, 1)]
_FIELDS += [f"'{name}', said[{n}]" for n, name in enumerate(SYMBOL_FIELDS, 1)]

WRITE_TICK = (
    FENCE_AND_LOG
    + """
local shared, forecasts = unpack(cmsgpack.unpack(ARGV[7]))
for index = 1, #forecasts do
  local key, said = KEYS[index + 3], forecasts[index]
  local reply = redis.pcall('HSET', key, FIELDS)
  if type(reply) == 'table' and reply.err then
    redis.call('DEL', key) -- somebody put another type there
    redis.call('HSET', key, FIELDS)
  end
  redis.call('EXPIRE', key, ARGV[8])
end
redis.call('PUBLISH', ARGV[9], ARGV[10])
return {'written', id}
""".replace("FIELDS", ", ".join(_FIELDS))
)
"""KEYS lease, head, log, pred…; ARGV lease value, lease ttl ms, head expected, head new, tick,
entry, msgpack of [[TICK_FIELDS], [[SYMBOL_FIELDS], …]], pred ttl s, channel, message."""
