-- Takes a source for a consumer group, unless another one was seen lately or its keys are of a later layout.
-- KEYS: owner, applied, patterns, windows.
-- ARGV: group, now, seconds without a sign after which a source may be taken, layout of keys, version of the program.
-- Answers {}, {'other', the other group, seconds since it was seen}, {'newer', layout, version of the program}, or
-- {'older', layout, patterns and parts of windows that this layout has no use for} where there are keys of an older one.
local group, layout, version = unpack(redis.call('HMGET', KEYS[1], 'group', 'layout', 'version'))
local age = ARGV[2] - (redis.call('HGET', KEYS[1], 'seen') or 0)
if group and group ~= ARGV[1] and math.abs(age) < tonumber(ARGV[3]) then
  return {'other', group, string.format('%.0f', math.max(age, 0))}
end
local found = tonumber(layout or '1') or math.huge
if found > tonumber(ARGV[4]) then
  return {'newer', layout, version or ''}
end
local answer = {}
if found < tonumber(ARGV[4]) and redis.call('EXISTS', KEYS[2]) == 1 then
  local parts = 0
  for _, member in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    if string.match(member, '^-?%d+:%d+$') then
      parts = parts + 1
    end
  end
  answer = {'older', string.format('%.0f', found), string.format('%.0f', redis.call('ZCARD', KEYS[3])),
    string.format('%.0f', parts)}
end
redis.call('HSET', KEYS[1], 'group', ARGV[1], 'seen', ARGV[2], 'layout', ARGV[4], 'version', ARGV[5])
return answer
