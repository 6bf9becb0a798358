-- What a partition goes on from, as it stands at one moment.
-- KEYS: applied, topic ids, names of the sources inside the topic.
-- ARGV: partition, number of windows, what keys have before and after the name of a source.
-- Answers applied offset, topic id, what is remembered of the topic itself, and, after its name, of each source inside it
-- with a snapshot or lines that wait: snapshot, waiting_from, and per window part its member and its fields.
local PAGE = 500

local function latest(base, wanted)
  local parts, starts, last, at = {}, 0, nil, 0
  while wanted > 0 do
    local members = redis.call('ZREVRANGE', base .. 'windows', at, at + PAGE - 1)
    if #members == 0 then
      break
    end
    for _, member in ipairs(members) do
      local start, partition = string.match(member, '^(-?%d+):(%d+):%d+$')
      local key = base .. 'window:' .. member
      if partition == ARGV[1] and (redis.call('HGET', key, 'count') or '0') ~= '0' then
        if start ~= last then
          if starts == wanted then
            return parts
          end
          starts, last = starts + 1, start
        end
        parts[#parts + 1] = {member, redis.call('HGETALL', key)}
      end
    end
    at = at + PAGE
  end
  return parts
end

local function remembered(base)
  return {
    redis.call('GET', base .. 'state:' .. ARGV[1]),
    redis.call('HGET', base .. 'stats', 'waiting_from:' .. ARGV[1]),
    latest(base, tonumber(ARGV[2])),
  }
end

local sources = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local base = ARGV[3] .. '/' .. name .. ARGV[4]
  local waiting = redis.call('HGET', base .. 'stats', 'waiting_from:' .. ARGV[1])
  if waiting or redis.call('EXISTS', base .. 'state:' .. ARGV[1]) == 1 then
    sources[#sources + 1] = {name, remembered(base)}
  end
end
return {
  redis.call('HGET', KEYS[1], ARGV[1]),
  redis.call('HGET', KEYS[2], ARGV[1]),
  remembered(ARGV[3] .. ARGV[4]),
  sources,
}
