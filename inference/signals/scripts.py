"""The one write of a batch as Lua: behind the fence, what stands, every `sig:` and the message."""

from inference.handover.scripts import FENCE_AND_LOG

_REMEMBER = (
    FENCE_AND_LOG
    + """
local kind = redis.call('TYPE', KEYS[4])['ok']
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[4]) end
local count = tonumber(ARGV[8])
for index = 1, count do
  redis.call('HSET', KEYS[4], ARGV[8 + index], ARGV[8 + count + index])
end
redis.call('PEXPIRE', KEYS[4], ARGV[7])
"""
)

WRITE_BATCH = (
    _REMEMBER
    + """
local last = 8 + 2 * count
for index = 1, count do
  redis.call('SET', KEYS[4 + index], ARGV[8 + count + index], 'PX', ARGV[last + 1])
end
redis.call('PUBLISH', ARGV[last + 2], ARGV[last + 3])
return {'written', id}
"""
)
"""KEYS lease, head, log, stands, sig…; ARGV lease value, lease ttl ms, head expected, head new,
batch, entry, stands ttl ms, number of states, their fields in stands…, states…, sig ttl ms,
channel, message."""

LOG_BATCH = _REMEMBER + "return {'written', id}"
"""For a cluster, where `sig:` lies in other slots and follows by pipeline: KEYS and ARGV as
above, up to the states."""
