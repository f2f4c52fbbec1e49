"""What must be atomic in Redis, as Lua: the lease, and the fence before every write.

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

FENCE_AND_LOG = """
local lease = redis.call('GET', KEYS[1])
if lease ~= ARGV[1] then return {'lost', lease or ''} end
local head = redis.call('HMGET', KEYS[2], 'hash', 'tick')
if head[2] and tonumber(head[2]) >= tonumber(ARGV[5]) then
  return {'done', head[1], head[2]}
end
if (head[1] or '') ~= ARGV[3] then return {'head', head[1] or '', head[2] or ''} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local id = redis.call('XADD', KEYS[3], '*', 'entry', ARGV[6])
redis.call('HSET', KEYS[2], 'hash', ARGV[4], 'tick', ARGV[5], 'id', id)
"""
"""KEYS lease, head, log; ARGV lease value, lease ttl ms, head expected, head new, tick, entry.
Goes on, with `id`, where the entry is in the log; else it has answered why not."""

WRITE_LOG = FENCE_AND_LOG + "return {'written', id}"
"""For a cluster, where all other keys lie in other slots and follow by pipeline."""
