-- What a partition goes on from, as it stands at one moment.
-- KEYS: applied, topic ids, stats, state of the partition, windows. ARGV: partition, number of windows.
-- Answers applied offset, topic id, snapshot, waiting_from, and per window part its member and its fields.
local PAGE = 500
local prefix = string.sub(KEYS[5], 1, -2) .. ':'

local function latest(wanted)
  local parts, starts, last, at = {}, 0, nil, 0
  while wanted > 0 do
    local members = redis.call('ZREVRANGE', KEYS[5], at, at + PAGE - 1)
    if #members == 0 then
      break
    end
    for _, member in ipairs(members) do
      local start, partition = string.match(member, '^(-?%d+):(%d+):%d+$')
      if partition == ARGV[1] and (redis.call('HGET', prefix .. member, 'count') or '0') ~= '0' then
        if start ~= last then
          if starts == wanted then
            return parts
          end
          starts, last = starts + 1, start
        end
        parts[#parts + 1] = {member, redis.call('HGETALL', prefix .. member)}
      end
    end
    at = at + PAGE
  end
  return parts
end

return {
  redis.call('HGET', KEYS[1], ARGV[1]),
  redis.call('HGET', KEYS[2], ARGV[1]),
  redis.call('GET', KEYS[4]),
  redis.call('HGET', KEYS[3], 'waiting_from:' .. ARGV[1]),
  latest(tonumber(ARGV[2])),
}
