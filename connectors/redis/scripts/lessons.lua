-- Part of a step: what the partitions of a source teach each other. Of a source: lessons (STREAM: partition, bytes).

-- What a partition is told that heard all up to source.heard: the position then, and the lessons of others, which are
-- bounded by their number and bytes. From the beginning it hears its own, too: it remembers nothing. Then it teaches.
local function exchange(source, partition, kept, most, most_bytes)
  local key, own = source.base .. 'lessons', source.heard == '0'
  local position, told, size, all = source.heard, {}, 0, true
  if position ~= '' then
    local found = run('XRANGE', key, own and '-' or '(' .. position, '+', 'COUNT', most)
    all = #found < tonumber(most)
    for _, entry in ipairs(found) do
      if size > most_bytes then
        all = false
        break
      end
      position = entry[1]
      if own or entry[2][2] ~= partition then
        told[#told + 1] = entry[2][4]
        size = size + #entry[2][4]
      end
    end
  end
  if source.taught then
    local mine = run('XADD', key, 'MAXLEN', kept, '*', 'partition', partition, 'taught', source.taught)
    note('XDEL', key, mine)
    position = all and mine or position
  end
  return source.heard ~= '' and {position, told}
end
