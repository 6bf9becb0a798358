-- Part of a step: templates, the pattern of each, and merges of patterns. A source is a table: base (what its keys start
-- with), seen ('' when no news are asked for), now, and what is answered: otherwise, missing, mine.
-- Of a source: templates (ZSET, id by last use), template:<id> (HASH), decisions (HASH, template to its pattern of today),
-- log (ZSET, template by the position at which it was decided), merged (HASH, pattern to 'pattern of today, pattern that
-- it became part of, time, reason'), merges (ZSET, pattern by the position of its merge).
local RING = 24 -- hours of which lines are counted by minute: one field each, of the latest hour that falls there
local ENTRY = 5 -- bytes of a minute: its number, and its lines as 4 bytes
local MOST_LINES = 4294967295
local MINUTES = 1440 -- of a day
local EXAMPLES, MOST_SLOTS = 3, 64
local KNOWN = '>I4I4I4I4dd'

local function whole(number)
  return string.format('%.0f', number)
end

local function exact(number)
  return string.format('%.17g', number)
end

-- Positions go up with the clock: one of a source that was forgotten and began anew is known as old.
local function next_position(source)
  local stats = source.base .. 'stats'
  local last = tonumber(run('HGET', stats, 'position') or 0)
  local position = whole(math.max(last + 1, math.floor(source.now * 1000)))
  change('HSET', stats, 'position', position)
  return position
end

-- The pattern of today; source.moved has what merged in this step.
local function root(source, pattern)
  local found = run('HGET', source.base .. 'merged', pattern)
  pattern = found and string.match(found, '^%S+') or pattern
  while source.moved[pattern] do
    pattern = source.moved[pattern]
  end
  return pattern
end

-- A field of the ring with lines added in one minute; as it was when a later hour is there.
local function counted(old, minute, lines)
  local hour, place = math.floor(minute / 60), minute % 60
  local kept = old and struct.unpack('>I4', old) or -1
  if kept > hour then
    return old
  elseif kept < hour then
    return struct.pack('>I4BI4', hour, place, lines)
  end
  for at = #old - ENTRY + 1, 5, -ENTRY do
    if string.byte(old, at) == place then
      local sum = math.min(struct.unpack('>I4', old, at + 1) + lines, MOST_LINES)
      return string.sub(old, 1, at) .. struct.pack('>I4', sum) .. string.sub(old, at + ENTRY)
    end
  end
  return old .. struct.pack('>BI4', place, lines)
end

local function wider(old, new, choose)
  if old == '' or new == '' then
    return old .. new
  end
  return choose(tonumber(old), tonumber(new)) == tonumber(old) and old or new
end

-- Slots as JSON: a list each of slot, type, least and most ('' for none), and the first few examples.
local function together(old, new)
  if not old then
    return new
  end
  local slots, places = cjson.decode(old), {}
  for _, slot in ipairs(slots) do
    places[slot[1] .. '\n' .. slot[2]] = slot
  end
  for _, slot in ipairs(cjson.decode(new)) do
    local mine = places[slot[1] .. '\n' .. slot[2]]
    if mine then
      mine[3], mine[4] = wider(mine[3], slot[3], math.min), wider(mine[4], slot[4], math.max)
      for at = 5, #slot do
        local known = #mine - 4 >= EXAMPLES
        for other = 5, #mine do
          known = known or mine[other] == slot[at]
        end
        if not known then
          mine[#mine + 1] = slot[at]
        end
      end
    elseif #slots < MOST_SLOTS then
      slots[#slots + 1] = slot
    end
  end
  return cjson.encode(slots)
end

-- The first to tell a template's pattern is right.
local function decide(source, id, pattern)
  local decisions = source.base .. 'decisions'
  local known = run('HGET', decisions, id)
  if not known then
    known = root(source, pattern)
    change('HSET', decisions, id, known)
  end
  if known ~= pattern then
    table.insert(source.otherwise, id)
    table.insert(source.otherwise, known)
  end
  source.mine[id] = true
end

-- Adds to a template, or founds it. minutes: each with its lines, one behind the other. What the template is comes without
-- when the worker thinks that it is known here, and stays the founder's but for the vector, which is the latest model's.
local function add_template(source, id, count, first_seen, last_seen, minutes, slots, pattern, text, example, vector, model)
  local key, index = source.base .. 'template:' .. id, source.base .. 'templates'
  local asked, days = {'count', 'first_seen', 'model', 'days'}, {}
  for at = 1, #minutes, 2 do
    local minute, lines = minutes[at], minutes[at + 1]
    asked[#asked + 1] = 'hour:' .. math.floor(minute / 60) % RING
    local day = math.floor(minute / MINUTES)
    days[day] = (days[day] or 0) + lines
  end
  if slots ~= '' then
    asked[#asked + 1] = 'slots'
  end
  local old = run('HMGET', key, unpack(asked))
  local words, names, before = {key, 'count', whole((old[1] or 0) + count)}, {'count'}, {old[1]}
  local function put(name, value, was)
    words[#words + 1] = name
    words[#words + 1] = value
    names[#names + 1] = name
    before[#names] = was
  end
  if not old[2] or tonumber(first_seen) < tonumber(old[2]) then
    put('first_seen', first_seen, old[2])
  end
  if slots ~= '' then
    put('slots', together(old[#asked], slots), old[#asked])
  end
  if next(days) then
    put('days', follow(source, old[4], old[1], days), old[4])
  end
  local hours, was = {}, {}
  for at = 1, #minutes, 2 do
    local place = 4 + (at + 1) / 2
    local field = asked[place]
    hours[field] = counted(hours[field] or old[place], minutes[at], minutes[at + 1])
    was[field] = old[place]
  end
  for field, value in pairs(hours) do
    put(field, value, was[field])
  end
  run('HSET', unpack(words))
  note_fields(key, names, before)
  if text and not old[3] then
    change('HSET', key, 'text', text, 'example', example, 'vector', vector, 'model', model)
  elseif text and old[3] ~= model then
    change('HSET', key, 'vector', vector, 'model', model)
  end
  if text then
    decide(source, id, pattern)
    if old[3] ~= model then
      change('ZADD', source.base .. 'log', next_position(source), id)
    end
  elseif not old[3] then
    table.insert(source.missing, id)
  end
  local last = run('ZSCORE', index, id)
  if not last then
    run('ZADD', index, last_seen, id)
    note('ZREM', index, id)
  elseif tonumber(last) < tonumber(last_seen) then
    run('ZADD', index, last_seen, id)
    note('ZADD', index, last, id)
  end
end

local function minutes_in(words)
  local found = {}
  for minute, lines in string.gmatch(words, '(%d+):(%d+)') do
    found[#found + 1] = tonumber(minute)
    found[#found + 1] = tonumber(lines)
  end
  return found
end

-- Adds to templates that are known, packed: of each minute of one the id, the minute and its lines, and when the template
-- was seen first and last in the step.
local function add_known(source, packed)
  local at, before, count, minutes, first, last = 1, nil, 0, nil, nil, nil
  while true do
    local high, low, minute, lines, began, ended
    if at <= #packed then
      high, low, minute, lines, began, ended, at = struct.unpack(KNOWN, packed, at)
    end
    local id = high and string.format('%08x%08x', high, low)
    if before and id ~= before then
      add_template(source, before, count, exact(first), exact(last), minutes, '')
    end
    if not id then
      return
    elseif id ~= before then
      before, count, minutes, first, last = id, 0, {}, began, ended
    end
    count = count + lines
    minutes[#minutes + 1] = minute
    minutes[#minutes + 1] = lines
  end
end

-- Of two patterns the one whose founder was seen earlier stays, of two at once the smaller id.
local function merge(source, pattern, into, time, reason)
  local gone, stays = root(source, pattern), root(source, into)
  if gone == stays then
    return
  end
  local first = run('HGET', source.base .. 'template:' .. gone, 'first_seen')
  local second = run('HGET', source.base .. 'template:' .. stays, 'first_seen')
  if first and second then
    first, second = tonumber(first), tonumber(second)
    if first < second or (first == second and gone < stays) then
      gone, stays = stays, gone
    end
  end
  source.moved[gone] = stays
  change('HSET', source.base .. 'merged', gone, table.concat({stays, stays, time, reason}, ' '))
  change('ZADD', source.base .. 'merges', next_position(source), gone)
end

-- Lets all that points to a pattern which merged in this step point to what it became part of.
local function follow_merges(source)
  if not next(source.moved) then
    return
  end
  for _, name in ipairs({'decisions', 'merged'}) do
    local key = source.base .. name
    local found = run('HGETALL', key)
    for at = 1, #found, 2 do
      local pattern, rest = string.match(found[at + 1], '^(%S+)(.*)$')
      if source.moved[pattern] then
        change('HSET', key, found[at], root(source, pattern) .. rest)
      end
    end
  end
end

local function later(source, name)
  local found, members = {}, run('ZRANGEBYSCORE', source.base .. name, '(' .. source.seen, '+inf', 'WITHSCORES')
  for at = 1, #members, 2 do
    if name == 'merges' or not source.mine[members[at]] then
      found[#found + 1] = {position = tonumber(members[at + 1]), name = name, member = members[at]}
    end
  end
  return found
end

-- What was decided since source.seen, without the worker's own: position, templates, merges.
local function news(source, most)
  local found, templates, merges = later(source, 'log'), {}, {}
  for _, entry in ipairs(later(source, 'merges')) do
    found[#found + 1] = entry
  end
  table.sort(found, function(one, other) return one.position < other.position end)
  for at = 1, math.min(#found, most) do
    local id = found[at].member
    if found[at].name == 'log' then
      local fields = run('HMGET', source.base .. 'template:' .. id, 'text', 'first_seen', 'vector', 'model')
      templates[#templates + 1] = {id, run('HGET', source.base .. 'decisions', id), unpack(fields)}
    else
      merges[#merges + 1] = {id, run('HGET', source.base .. 'merged', id)}
    end
  end
  local position = run('HGET', source.base .. 'stats', 'position') or '0'
  if #found > most then
    position = whole(found[most].position)
  end
  return {position, templates, merges}
end

-- The templates unused for longest go, and the oldest merges; their lines stay counted.
local function trim_templates(source, over, most, unreachable)
  local base = source.base
  for _, id in ipairs(over(base .. 'templates', most)) do
    local key = base .. 'template:' .. id
    change('HINCRBY', base .. 'stats', 'forgotten_template_lines', run('HGET', key, 'count') or 0)
    remove(base .. 'templates', id)
    remove(base .. 'log', id)
    change('HDEL', base .. 'decisions', id)
    unreachable[#unreachable + 1] = key
  end
  for _, pattern in ipairs(over(base .. 'merges', most)) do
    remove(base .. 'merges', pattern)
    change('HDEL', base .. 'merged', pattern)
  end
end
