-- Begins a partition anew whose topic was made anew. The applied offset is written last.
-- KEYS: applied, topic ids, stats, state of the partition.
-- ARGV: partition, expected offset ('' for none), start, topic id ('' for none).
-- Answers {'applied'} or {'fenced', offset found}.
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] then
  return {'fenced', found}
end
redis.call('DEL', KEYS[4])
redis.call('HDEL', KEYS[3], 'warming_up:' .. ARGV[1], 'waiting_from:' .. ARGV[1])
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {'applied'}
