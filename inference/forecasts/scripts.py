"""What must be atomic in Redis, as Lua: the lease, and the one write of a tick.

The lease's fencing token is compared in the very call that writes, so a leader that was paused
and wakes up can write nothing.
"""

ACQUIRE = """
local held = redis.call('GET', KEYS[1])
if held then return {0, held} end
local time = redis.call('TIME')
local token = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if token <= last then token = last + 1 end
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text .. ':' .. ARGV[1], 'PX', ARGV[2])
return {1, text}
"""
"""KEYS lease, last token; ARGV owner, ttl ms → {1, token} or {0, holder}. Tokens only grow,
even where Redis lost its data, because its clock goes on."""

RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""KEYS lease; ARGV lease value, ttl ms → 1, or 0 where it is another's."""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

_FENCE_AND_LOG = """
local lease = redis.call('GET', KEYS[1])
if lease ~= ARGV[1] then return {'lost', lease or ''} end
local head = redis.call('HMGET', KEYS[2], 'hash', 'tick')
if head[2] and tonumber(head[2]) >= tonumber(ARGV[5]) then
  return {'done', head[1], head[2]}
end
if (head[1] or '') ~= ARGV[3] then return {'head', head[1] or '', head[2] or ''} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local id = redis.call('XADD', KEYS[3], '*', 'entry', ARGV[6])
redis.call('HSET', KEYS[2], 'hash', ARGV[4], 'tick', ARGV[5])
"""

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
    _FENCE_AND_LOG
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

WRITE_LOG = _FENCE_AND_LOG + "return {'written', id}"
"""For a cluster, where `pred:` lies in other slots and follows by pipeline."""
