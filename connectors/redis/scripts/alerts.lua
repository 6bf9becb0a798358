-- Part of a step: alerts, folded as ``connectors.alerts.folded`` says, and the outbox.
-- Of a source: alerts (ZSET, pattern by the time of its last line), alert:<pattern> (HASH), outbox (STREAM, an alert as
-- it was when it was told, by its position), feedback (HASH, pattern to what a person said of it).
local QUIET, BURST, FACTOR = 86400, 600, 10
local ALERT = {
  'count', 'last_seen', 'first_seen', 'score', 'kinds', 'bucket', 'burst', 'told_burst', 'episode', 'total', 'revision',
  'why',
}
local WORDS = {kinds = true, why = true}

-- Kinds with those of others that they lack, and whether there were any.
local function more_kinds(kinds, others)
  local known, more = {}, false
  for kind in string.gmatch(kinds, '%S+') do
    known[kind] = true
  end
  for kind in string.gmatch(others, '%S+') do
    if not known[kind] then
      known[kind], more = true, true
      kinds = kinds == '' and kind or kinds .. ' ' .. kind
    end
  end
  return kinds, more
end

local function tell(source, key, pattern, most)
  local stats = source.base .. 'stats'
  local position, before = next_position(source), run('HGET', stats, 'told') or '0'
  local fields = run('HGETALL', key)
  change('XADD', source.base .. 'outbox', 'MAXLEN', '~', most, position .. '-0', 'pattern', pattern, 'before', before,
    unpack(fields))
  change('HSET', stats, 'told', position)
end

-- What was silent came again.
local function end_alert(source, most, key, pattern, old, last_seen, last)
  if not old or old.why == 'over' then
    return
  end
  change('HSET', key, 'why', 'over', 'revision', whole(old.revision + 1), 'last', last)
  if tonumber(last_seen) > old.last_seen then
    change('HSET', key, 'last_seen', last_seen)
  end
  change('ZADD', source.base .. 'alerts', run('HGET', key, 'last_seen'), pattern)
  tell(source, key, pattern, most)
end

-- A line of an alert: as it is, or '#' and its number among the source's flagged lines of the step.
local function line_of(source, word)
  return string.sub(word, 1, 1) == '#' and source.lines[tonumber(string.sub(word, 2))] or word
end

local function add_alert(source, most, seconds, pattern, count, first_seen, last_seen, score, kinds, first, last, best)
  first, last, best = line_of(source, first), line_of(source, last), line_of(source, best)
  local key = source.base .. 'alert:' .. pattern
  local found, old = run('HMGET', key, unpack(ALERT)), {}
  for at, name in ipairs(ALERT) do
    old[name] = WORDS[name] and (found[at] or '') or tonumber(found[at] or 0)
  end
  if tonumber(count) == 0 then
    return end_alert(source, most, key, pattern, found[1] and old, last_seen, last)
  end
  local bucket = math.floor(last_seen / BURST)
  local why, burst, told_burst = false, count, count
  if not found[1] or old.why == 'over' or first_seen - old.last_seen > QUIET then
    why = found[1] and 'again' or 'new'
    change('HSET', key, 'count', count, 'first_seen', first_seen, 'last_seen', last_seen, 'kinds', kinds,
      'score', score, 'first', first, 'last', last, 'best', best, 'bucket', whole(bucket),
      'episode', whole(old.episode + 1))
  else
    burst, told_burst = old.burst, old.told_burst
    if bucket >= old.bucket then
      burst = count + (bucket == old.bucket and old.burst or 0)
    end
    local all, more = more_kinds(old.kinds, kinds)
    why = more and 'kind' or burst >= FACTOR * old.told_burst and 'rate'
    if why then
      told_burst = math.max(burst, told_burst)
    end
    change('HSET', key, 'count', whole(old.count + count), 'kinds', all, 'bucket', whole(math.max(bucket, old.bucket)))
    if tonumber(first_seen) < old.first_seen then
      change('HSET', key, 'first_seen', first_seen, 'first', first)
    end
    if tonumber(last_seen) >= old.last_seen then
      change('HSET', key, 'last_seen', last_seen, 'last', last)
    end
    if tonumber(score) > old.score then
      change('HSET', key, 'score', score, 'best', best)
    end
  end
  change('HSET', key, 'total', whole(old.total + count), 'burst', whole(burst), 'told_burst', whole(told_burst))
  if why then
    change('HSET', key, 'why', why, 'revision', whole(old.revision + 1))
  end
  run('EXPIRE', key, seconds)
  change('ZADD', source.base .. 'alerts', run('HGET', key, 'last_seen'), pattern)
  if why then
    tell(source, key, pattern, most)
  end
end

-- The oldest alerts go, and what is left of those that have expired.
local function trim_alerts(source, over, most, unreachable)
  local index = source.base .. 'alerts'
  for _, pattern in ipairs(run('ZRANGE', index, 0, 4)) do
    if run('EXISTS', source.base .. 'alert:' .. pattern) == 0 then
      run('ZREM', index, pattern)
    end
  end
  for _, pattern in ipairs(over(index, most)) do
    remove(index, pattern)
    unreachable[#unreachable + 1] = source.base .. 'alert:' .. pattern
  end
end

-- What people said of patterns, and its version; false when it is known.
local function feedback(source)
  local version = run('HGET', source.base .. 'stats', 'feedback') or '0'
  return source.feedback ~= version and {version, run('HGETALL', source.base .. 'feedback')}
end
