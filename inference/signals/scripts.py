"""The one write of a batch as Lua: behind the fence, every `sig:` and the message."""

from inference.handover.scripts import FENCE_AND_LOG

WRITE_BATCH = (
    FENCE_AND_LOG
    + """
for index = 4, #KEYS do
  redis.call('SET', KEYS[index], ARGV[index + 6], 'PX', ARGV[7])
end
redis.call('PUBLISH', ARGV[8], ARGV[9])
return {'written', id}
"""
)
"""KEYS lease, head, log, sig…; ARGV lease value, lease ttl ms, head expected, head new, batch,
entry, sig ttl ms, channel, message, state…"""
