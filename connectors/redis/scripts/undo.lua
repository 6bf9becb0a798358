-- Part of a step: commands that can be taken back. Redis does not undo a script that fails half way.
local undo, failure = {}, nil

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

-- old: what the fields held, false where nothing was.
local function note_fields(key, fields, old)
  undo[#undo + 1] = {false, key, fields, old}
end

local function restore_fields(key, fields, old)
  for at = 1, #fields do
    if old[at] then
      redis.pcall('HSET', key, fields[at], old[at])
    else
      redis.pcall('HDEL', key, fields[at])
    end
  end
end

local function change_fields(name, key, fields, ...)
  local old = run('HMGET', key, unpack(fields))
  run(name, key, ...)
  note_fields(key, fields, old)
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

local function take_back()
  for step = #undo, 1, -1 do
    local noted = undo[step]
    if noted[1] then
      redis.pcall(unpack(noted))
    else
      restore_fields(noted[2], noted[3], noted[4])
    end
  end
end
