-- One partition batch, all or nothing. Refused when the applied offset is not the one the worker started from:
-- that skips replays and fences a worker that lost the partition.
--
-- KEYS: applied, patterns, stats, anomalies by time, prefix of the lines' details.
-- ARGV: partition, expected offset ('' for none), new offset, pattern limit, anomaly limit, then commands, each as
-- its number of words followed by the words.
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] then
  return {0, found}
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local at = 6
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
-- The patterns unused for longest go; their lines stay counted.
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if over > 0 then
  local prefix = string.sub(KEYS[2], 1, -2) .. ':'
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    local count = redis.call('HGET', prefix .. id, 'count') or 0
    redis.call('HINCRBY', KEYS[3], 'forgotten_pattern_lines', count)
    redis.call('DEL', prefix .. id)
    redis.call('ZREM', KEYS[2], id)
  end
end
-- So do the oldest anomalies, with their details.
over = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[5])
if over > 0 then
  for _, place in ipairs(redis.call('ZRANGE', KEYS[4], 0, over - 1)) do
    redis.call('DEL', KEYS[5] .. ':' .. place)
    redis.call('ZREM', KEYS[4], place)
  end
end
return {1, ARGV[3]}
