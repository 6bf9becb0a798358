-- One partition batch, all or nothing. Refused when the applied offset is not the one the worker started from:
-- that skips replays and fences a worker that lost the partition. Redis does not undo a script that fails half way,
-- so the applied offset is written last, and what was done before a command that fails is taken back here: counts
-- would count twice in the next try, and a snapshot or a window would be ahead of the applied offset.
--
-- KEYS: applied, names of the sources inside the topic. All other keys are in the same slot.
-- ARGV: partition, expected offset ('' for none), new offset, now, limit of patterns, of anomalies, of window parts,
-- of sources, seconds that a window lives, seconds that an hour of anomalies lives, what keys have before and after the
-- name of a source, then commands, each as its number of words followed by the words. SOURCE ('' for the topic itself),
-- PATTERN and RANK are commands of this script; the latter two are of the source that was named last.
-- Answers {'applied'}, {'fenced', offset found} or {'refused', command, key, the server's words}.
local APPLIED, SOURCES = unpack(KEYS)
local PARTITION, EXPECTED, NEW, NOW = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local MOST = {patterns = ARGV[5], anomalies = ARGV[6], windows = ARGV[7], sources = ARGV[8]}
local FIRST_COMMAND = 13
local HOUR = 3600
local CHECKED = 50 -- index members looked at in a step, so that its length has a bound
local FORGOTTEN = 5 -- sources that a step forgets at most, for the same reason

local found = redis.call('HGET', APPLIED, PARTITION) or ''
if found ~= EXPECTED then
  return {'fenced', found}
end

local undo, unreachable, failure = {}, {}, nil

-- What the keys of a source start with; '' is the topic's own.
local function base_of(name)
  return ARGV[11] .. (name == '' and '' or '/' .. name) .. ARGV[12]
end

local function run(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    local words = {...}
    failure = {'refused', words[1], words[2], reply.err}
    error('refused')
  end
  return reply
end

local function note(...)
  undo[#undo + 1] = {...}
end

local function change_fields(name, key, fields, ...)
  local old = run('HMGET', key, unpack(fields))
  run(name, key, ...)
  for at, field in ipairs(fields) do
    if old[at] then
      note('HSET', key, field, old[at])
    else
      note('HDEL', key, field)
    end
  end
end

-- Runs a command and notes what takes it back.
local function change(name, key, ...)
  local words = {...}
  if name == 'HSET' then
    local fields = {}
    for at = 1, #words, 2 do
      fields[#fields + 1] = words[at]
    end
    change_fields(name, key, fields, ...)
  elseif name == 'HDEL' then
    change_fields(name, key, words, ...)
  elseif name == 'ZADD' then
    local member = words[#words]
    local old = run('ZSCORE', key, member)
    run(name, key, ...)
    if old then
      note('ZADD', key, old, member)
    else
      note('ZREM', key, member)
    end
  elseif name == 'SET' or name == 'DEL' then
    local old = run('GET', key)
    run(name, key, ...)
    if old then
      note('SET', key, old)
    else
      note('DEL', key)
    end
  else
    local reply = run(name, key, ...)
    if name == 'HINCRBY' and reply == tonumber(words[2]) then
      note('HDEL', key, words[1])
    elseif name == 'HINCRBY' then
      note('HINCRBY', key, words[1], -words[2])
    elseif name == 'XADD' then
      note('XDEL', key, reply)
    end
  end
end

local function remove(key, member)
  local score = run('ZSCORE', key, member)
  if score then
    run('ZREM', key, member)
    note('ZADD', key, score, member)
  end
end

local function by_score(base, time)
  return base .. 'anomalies:by_score:' .. string.format('%.0f', math.floor(tonumber(time) / HOUR) * HOUR)
end

-- An anomaly is in the bucket of its hour and in no other.
local function rank(base, member, time, score)
  local by_time, bucket = base .. 'anomalies:by_time', by_score(base, time)
  local old = run('ZSCORE', by_time, member)
  if old and by_score(base, old) ~= bucket then
    remove(by_score(base, old), member)
  end
  change('ZADD', by_time, time, member)
  change('ZADD', bucket, score, member)
  run('EXPIRE', bucket, ARGV[10])
end

-- Adds to a pattern, or founds it: example, vector and model are the founder's.
local function add_pattern(base, id, count, first_seen, last_seen, ...)
  local key, index = base .. 'pattern:' .. id, base .. 'patterns'
  if run('HINCRBY', key, 'count', count) == tonumber(count) then
    note('DEL', key)
    run('HSET', key, 'first_seen', first_seen, ...)
  else
    note('HINCRBY', key, 'count', -count)
    local earliest = run('HGET', key, 'first_seen')
    if not earliest or tonumber(first_seen) < tonumber(earliest) then
      change('HSET', key, 'first_seen', first_seen)
    end
  end
  if run('ZADD', index, 'GT', last_seen, id) == 1 then
    note('ZREM', index, id)
  end
end

-- Answers what the keys of every source that was named start with.
local function apply_commands()
  local at, base, bases = FIRST_COMMAND, base_of(''), {}
  while at <= #ARGV do
    local words = tonumber(ARGV[at])
    local name = ARGV[at + 1]
    if name == 'SOURCE' then
      base = base_of(ARGV[at + 2])
      bases[#bases + 1] = base
    elseif name == 'RANK' then
      rank(base, unpack(ARGV, at + 2, at + words))
    elseif name == 'PATTERN' then
      add_pattern(base, unpack(ARGV, at + 2, at + words))
    else
      change(unpack(ARGV, at + 1, at + words))
    end
    at = at + words + 1
  end
  return bases
end

-- What earlier versions ranked in the future would stay for ever.
local function pull_back(base)
  local patterns, by_time = base .. 'patterns', base .. 'anomalies:by_time'
  for _, id in ipairs(run('ZRANGEBYSCORE', patterns, '(' .. NOW, '+inf', 'LIMIT', 0, CHECKED)) do
    run('ZADD', patterns, NOW, id)
  end
  for _, member in ipairs(run('ZRANGEBYSCORE', by_time, '(' .. NOW, '+inf', 'LIMIT', 0, CHECKED)) do
    local score = run('ZSCORE', by_score(base, run('ZSCORE', by_time, member)), member)
    if score then
      rank(base, member, NOW, score)
    else
      run('ZADD', by_time, NOW, member)
    end
  end
end

local function over(key, limit, most)
  local count = math.min(run('ZCARD', key) - tonumber(limit), most or math.huge)
  return count > 0 and run('ZRANGE', key, 0, count - 1) or {}
end

local function trim(base)
  local patterns, by_time, windows = base .. 'patterns', base .. 'anomalies:by_time', base .. 'windows'
  -- The patterns unused for longest go; their lines stay counted.
  for _, id in ipairs(over(patterns, MOST.patterns)) do
    local key = base .. 'pattern:' .. id
    change('HINCRBY', base .. 'stats', 'forgotten_pattern_lines', run('HGET', key, 'count') or 0)
    remove(patterns, id)
    unreachable[#unreachable + 1] = key
  end
  -- So do the oldest anomalies, with their details.
  for _, member in ipairs(over(by_time, MOST.anomalies)) do
    remove(by_score(base, run('ZSCORE', by_time, member)), member)
    remove(by_time, member)
    unreachable[#unreachable + 1] = base .. 'line:' .. member
  end
  -- Window parts go by the clock, not by the latest window: a line of another time must not remove them.
  local old = run('ZRANGEBYSCORE', windows, '-inf', '(' .. (NOW - ARGV[9]), 'LIMIT', 0, CHECKED)
  local future = run('ZRANGEBYSCORE', windows, '(' .. NOW, '+inf', 'LIMIT', 0, CHECKED)
  for _, members in ipairs({old, future}) do
    for _, member in ipairs(members) do
      if run('EXISTS', base .. 'window:' .. member) == 0 then
        run('ZREM', windows, member)
      end
    end
  end
  for _, member in ipairs(over(windows, MOST.windows)) do
    remove(windows, member)
    unreachable[#unreachable + 1] = base .. 'window:' .. member
  end
end

-- The sources inside the topic that were unused for longest go; their lines stay counted. What expires by itself is left.
local function forget_sources()
  for _, name in ipairs(over(SOURCES, MOST.sources, FORGOTTEN)) do
    local base = base_of(name)
    local stats = run('HGETALL', base .. 'stats')
    for at = 1, #stats, 2 do
      if stats[at] == 'lines' then
        change('HINCRBY', base_of('') .. 'stats', 'forgotten_source_lines', stats[at + 1])
      end
      local partition = string.match(stats[at], '^warming_up:(%d+)$')
      if partition then
        unreachable[#unreachable + 1] = base .. 'state:' .. partition
      end
    end
    for _, id in ipairs(run('ZRANGE', base .. 'patterns', 0, -1)) do
      unreachable[#unreachable + 1] = base .. 'pattern:' .. id
    end
    for _, key in ipairs({'patterns', 'windows', 'anomalies:by_time', 'feed', 'stats'}) do
      unreachable[#unreachable + 1] = base .. key
    end
    remove(SOURCES, name)
  end
end

local done, problem = pcall(function()
  for _, base in ipairs(apply_commands()) do
    pull_back(base)
    trim(base)
  end
  forget_sources()
  run('HSET', APPLIED, PARTITION, NEW)
end)
if not done then
  for step = #undo, 1, -1 do
    redis.pcall(unpack(undo[step]))
  end
  return failure or redis.error_reply('ERR ' .. tostring(problem))
end
for _, key in ipairs(unreachable) do
  redis.pcall('DEL', key)
end
return {'applied'}
