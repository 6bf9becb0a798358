-- One partition batch, all or nothing. Refused when the applied offset is not the one the worker started from:
-- that skips replays and fences a worker that lost the partition. Redis does not undo a script that fails half way,
-- so the applied offset is written last, and what was done before a command that fails is taken back here: counts
-- would count twice in the next try, and a snapshot or a window would be ahead of the applied offset.
--
-- KEYS: applied, names of the sources inside the topic. All other keys are in the same slot.
-- ARGV: partition, expected offset ('' for none), new offset, now, limit of anomalies, of window parts, of sources,
-- of templates, of alerts, of entries of the outbox, of news, of lessons that are kept, of those and their bytes that are
-- told, seconds that a window, an hour of anomalies and an alert live, what keys have before and after the name of a
-- source, limit of the feed, then commands, each as its number of words followed by the words. SOURCE ('' for the topic itself, up to where
-- decisions are known there, and lessons, each '' to be told none, and the version of the feedback that is known),
-- TEMPLATE, KNOWN, DAY, MERGE, TAUGHT, LINE and ALERT are commands of this script, of the source that was named last.
-- Answers {'applied', of each source named: {name, {template, its pattern, ...} where that is not the one named,
-- {template without a text, ...}, news, lessons, {partition, its rate of lines, ...}, feedback unless it is known}},
-- {'fenced', offset found} or {'refused', command, key, the server's words}.
local APPLIED, SOURCES = unpack(KEYS)
local PARTITION, EXPECTED, NEW, NOW = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local MOST = {anomalies = ARGV[5], windows = ARGV[6], sources = ARGV[7], templates = ARGV[8]}
MOST.alerts, MOST.outbox = ARGV[9], ARGV[10]
local MOST_NEWS = tonumber(ARGV[11])
local MOST_LESSONS, MOST_TOLD, MOST_TOLD_BYTES = ARGV[12], ARGV[13], tonumber(ARGV[14])
local WINDOW_SECONDS, BUCKET_SECONDS, ALERT_SECONDS = ARGV[15], ARGV[16], ARGV[17]
local BEFORE, AFTER, MOST_FED = ARGV[18], ARGV[19], ARGV[20]
local FIRST_COMMAND = 21
local HOUR = 3600
local CHECKED = 50 -- index members looked at in a step, so that its length has a bound
local OLD_PATTERNS = 5000 -- of an earlier version, that a step removes at most
local FORGOTTEN = 5 -- sources that a step forgets at most, for the same reason

local found = redis.call('HGET', APPLIED, PARTITION) or ''
if found ~= EXPECTED then
  return {'fenced', found}
end

local unreachable = {}

-- What the keys of a source start with; '' is the topic's own.
local function base_of(name)
  return BEFORE .. (name == '' and '' or '/' .. name) .. AFTER
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
  run('EXPIRE', bucket, BUCKET_SECONDS)
end

-- A flagged line: by itself, ranked, and in the feed.
local function add_line(source, partition, offset, index, time, score, line)
  local member = partition .. ':' .. offset .. ':' .. index
  local key = source.base .. 'line:' .. member
  source.lines[#source.lines + 1] = line
  change('HSET', key, 'line', line)
  run('EXPIRE', key, ALERT_SECONDS)
  rank(source.base, member, time, score)
  change('XADD', source.base .. 'feed', 'MAXLEN', '~', MOST_FED, '*', 'partition', partition, 'offset', offset,
    'index', index, 'line', line)
end

-- Answers every source that was named.
local function apply_commands()
  local at, source, sources = FIRST_COMMAND, nil, {}
  while at <= #ARGV do
    local words = tonumber(ARGV[at])
    local name = ARGV[at + 1]
    if name == 'SOURCE' then
      source = {
        name = ARGV[at + 2], base = base_of(ARGV[at + 2]), seen = ARGV[at + 3], heard = ARGV[at + 4],
        feedback = ARGV[at + 5],
        now = NOW,
        otherwise = {}, missing = {}, mine = {}, moved = {}, days = {}, lines = {},
      }
      sources[#sources + 1] = source
    elseif name == 'LINE' then
      add_line(source, unpack(ARGV, at + 2, at + words))
    elseif name == 'KNOWN' then
      add_known(source, ARGV[at + 2])
    elseif name == 'TEMPLATE' then
      local id, count, first, last, minutes = unpack(ARGV, at + 2, at + 6)
      add_template(source, id, count, first, last, minutes_in(minutes), unpack(ARGV, at + 7, at + words))
    elseif name == 'ALERT' then
      add_alert(source, MOST.outbox, ALERT_SECONDS, unpack(ARGV, at + 2, at + words))
    elseif name == 'MERGE' then
      merge(source, unpack(ARGV, at + 2, at + words))
    elseif name == 'DAY' then
      for pair = at + 3, at + words, 2 do
        count_day(source, tonumber(ARGV[at + 2]), ARGV[pair], ARGV[pair + 1])
      end
    elseif name == 'TAUGHT' then
      source.taught = ARGV[at + 2]
    else
      change(unpack(ARGV, at + 1, at + words))
    end
    at = at + words + 1
  end
  for _, named in ipairs(sources) do
    write_days(named)
  end
  return sources
end

-- What earlier versions ranked in the future would stay for ever.
local function pull_back(base)
  local by_time = base .. 'anomalies:by_time'
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
  local by_time, windows = base .. 'anomalies:by_time', base .. 'windows'
  -- Earlier versions kept what they counted under patterns of their own.
  local patterns = base .. 'patterns'
  for _, id in ipairs(over(patterns, 0, OLD_PATTERNS)) do
    local key = base .. 'pattern:' .. id
    change('HINCRBY', base .. 'stats', 'forgotten_template_lines', run('HGET', key, 'count') or 0)
    remove(patterns, id)
    unreachable[#unreachable + 1] = key
  end
  -- The oldest anomalies go with their details.
  for _, member in ipairs(over(by_time, MOST.anomalies)) do
    remove(by_score(base, run('ZSCORE', by_time, member)), member)
    remove(by_time, member)
    unreachable[#unreachable + 1] = base .. 'line:' .. member
  end
  -- Window parts go by the clock, not by the latest window: a line of another time must not remove them.
  local old = run('ZRANGEBYSCORE', windows, '-inf', '(' .. (NOW - WINDOW_SECONDS), 'LIMIT', 0, CHECKED)
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
    for _, id in ipairs(run('ZRANGE', base .. 'templates', 0, -1)) do
      unreachable[#unreachable + 1] = base .. 'template:' .. id
    end
    for _, pattern in ipairs(run('ZRANGE', base .. 'alerts', 0, -1)) do
      unreachable[#unreachable + 1] = base .. 'alert:' .. pattern
    end
    for _, key in ipairs({
      'patterns', 'templates', 'decisions', 'log', 'merged', 'merges', 'lessons', 'windows', 'anomalies:by_time', 'feed',
      'stats', 'rates', 'alerts', 'outbox', 'sent', 'feedback',
    }) do
      unreachable[#unreachable + 1] = base .. key
    end
    remove(SOURCES, name)
  end
end

local answer = {'applied'}
local done, problem = pcall(function()
  for _, source in ipairs(apply_commands()) do
    follow_merges(source)
    pull_back(source.base)
    trim(source.base)
    trim_templates(source, over, MOST.templates, unreachable)
    trim_alerts(source, over, MOST.alerts, unreachable)
    local told = source.seen ~= '' and news(source, MOST_NEWS)
    local lessons = exchange(source, PARTITION, MOST_LESSONS, MOST_TOLD, MOST_TOLD_BYTES)
    answer[#answer + 1] = {
      source.name, source.otherwise, source.missing, told, lessons, run('HGETALL', source.base .. 'rates'),
      feedback(source),
    }
  end
  forget_sources()
  run('HSET', APPLIED, PARTITION, NEW)
end)
if not done then
  take_back()
  return failure or redis.error_reply('ERR ' .. tostring(problem))
end
for _, key in ipairs(unreachable) do
  redis.pcall('DEL', key)
end
return answer
