-- One partition batch, all or nothing. Refused when the applied offset is not the one the worker started from:
-- that skips replays and fences a worker that lost the partition. Redis does not undo a script that fails half way,
-- so the applied offset is written last, and what was done before a command that fails is taken back here: counts
-- would count twice in the next try, and a snapshot or a window would be ahead of the applied offset.
--
-- KEYS: applied, patterns, stats, anomalies by time, windows. All other keys start with what `applied` starts with.
-- ARGV: partition, expected offset ('' for none), new offset, now, limit of patterns, of anomalies, of window parts,
-- seconds that a window lives, seconds that an hour of anomalies lives, then commands, each as its number of words
-- followed by the words. PATTERN and RANK are commands of this script.
-- Answers {'applied'}, {'fenced', offset found} or {'refused', command, key, the server's words}.
local APPLIED, PATTERNS, STATS, BY_TIME, WINDOWS = unpack(KEYS)
local PARTITION, EXPECTED, NEW, NOW = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local BASE = string.sub(APPLIED, 1, -#'applied' - 1)
local HOUR = 3600
local CHECKED = 50 -- index members looked at in a step, so that its length has a bound

local found = redis.call('HGET', APPLIED, PARTITION) or ''
if found ~= EXPECTED then
  return {'fenced', found}
end

local undo, unreachable, failure = {}, {}, nil

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
  elseif name == 'SET' then
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

local function by_score(time)
  return BASE .. 'anomalies:by_score:' .. string.format('%.0f', math.floor(tonumber(time) / HOUR) * HOUR)
end

-- An anomaly is in the bucket of its hour and in no other.
local function rank(member, time, score)
  local old = run('ZSCORE', BY_TIME, member)
  local bucket = by_score(time)
  if old and by_score(old) ~= bucket then
    remove(by_score(old), member)
  end
  change('ZADD', BY_TIME, time, member)
  change('ZADD', bucket, score, member)
  run('EXPIRE', bucket, ARGV[9])
end

-- Adds to a pattern, or founds it: example, vector and model are the founder's.
local function add_pattern(key, id, count, first_seen, last_seen, ...)
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
  if run('ZADD', PATTERNS, 'GT', last_seen, id) == 1 then
    note('ZREM', PATTERNS, id)
  end
end

local function apply_commands()
  local at = 10
  while at <= #ARGV do
    local words = tonumber(ARGV[at])
    local name = ARGV[at + 1]
    if name == 'RANK' then
      rank(unpack(ARGV, at + 2, at + words))
    elseif name == 'PATTERN' then
      add_pattern(unpack(ARGV, at + 2, at + words))
    else
      change(unpack(ARGV, at + 1, at + words))
    end
    at = at + words + 1
  end
end

-- What earlier versions ranked in the future would stay for ever.
local function pull_back()
  for _, id in ipairs(run('ZRANGEBYSCORE', PATTERNS, '(' .. NOW, '+inf', 'LIMIT', 0, CHECKED)) do
    run('ZADD', PATTERNS, NOW, id)
  end
  for _, member in ipairs(run('ZRANGEBYSCORE', BY_TIME, '(' .. NOW, '+inf', 'LIMIT', 0, CHECKED)) do
    local score = run('ZSCORE', by_score(run('ZSCORE', BY_TIME, member)), member)
    if score then
      rank(member, NOW, score)
    else
      run('ZADD', BY_TIME, NOW, member)
    end
  end
end

local function over(key, limit)
  local count = run('ZCARD', key) - tonumber(limit)
  return count > 0 and run('ZRANGE', key, 0, count - 1) or {}
end

local function trim()
  -- The patterns unused for longest go; their lines stay counted.
  for _, id in ipairs(over(PATTERNS, ARGV[5])) do
    local key = BASE .. 'pattern:' .. id
    change('HINCRBY', STATS, 'forgotten_pattern_lines', run('HGET', key, 'count') or 0)
    remove(PATTERNS, id)
    unreachable[#unreachable + 1] = key
  end
  -- So do the oldest anomalies, with their details.
  for _, member in ipairs(over(BY_TIME, ARGV[6])) do
    remove(by_score(run('ZSCORE', BY_TIME, member)), member)
    remove(BY_TIME, member)
    unreachable[#unreachable + 1] = BASE .. 'line:' .. member
  end
  -- Window parts go by the clock, not by the latest window: a line of another time must not remove them.
  local old = run('ZRANGEBYSCORE', WINDOWS, '-inf', '(' .. (NOW - ARGV[8]), 'LIMIT', 0, CHECKED)
  local future = run('ZRANGEBYSCORE', WINDOWS, '(' .. NOW, '+inf', 'LIMIT', 0, CHECKED)
  for _, members in ipairs({old, future}) do
    for _, member in ipairs(members) do
      if run('EXISTS', BASE .. 'window:' .. member) == 0 then
        run('ZREM', WINDOWS, member)
      end
    end
  end
  for _, member in ipairs(over(WINDOWS, ARGV[7])) do
    remove(WINDOWS, member)
    unreachable[#unreachable + 1] = BASE .. 'window:' .. member
  end
end

local done, problem = pcall(function()
  apply_commands()
  pull_back()
  trim()
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
