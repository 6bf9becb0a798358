-- Takes a source for a consumer group, unless another one was seen lately.
-- KEYS: owner. ARGV: group, now, seconds without a sign after which a source may be taken.
-- Answers {} or {the other group, seconds since it was seen}.
local group = redis.call('HGET', KEYS[1], 'group')
local age = ARGV[2] - (redis.call('HGET', KEYS[1], 'seen') or 0)
if group and group ~= ARGV[1] and math.abs(age) < tonumber(ARGV[3]) then
  return {group, string.format('%.0f', math.max(age, 0))}
end
redis.call('HSET', KEYS[1], 'group', ARGV[1], 'seen', ARGV[2])
return {}
