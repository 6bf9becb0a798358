-- Begins a partition anew whose topic was made anew. The applied offset is written last.
-- KEYS: applied, topic ids, names of the sources inside the topic.
-- ARGV: partition, expected offset ('' for none), start, topic id ('' for none), what keys have before and after the
-- name of a source.
-- Answers {'applied'} or {'fenced', offset found}.
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] then
  return {'fenced', found}
end

local function forget(base)
  redis.call('DEL', base .. 'state:' .. ARGV[1])
  local fields = {}
  for at, name in ipairs({'warming_up', 'waiting_from', 'warmup_lines', 'warmup_of', 'warmup_ends', 'warmup_least'}) do
    fields[at] = name .. ':' .. ARGV[1]
  end
  redis.call('HDEL', base .. 'stats', unpack(fields))
end

forget(ARGV[5] .. ARGV[6])
for _, name in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  forget(ARGV[5] .. '/' .. name .. ARGV[6])
end
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {'applied'}
