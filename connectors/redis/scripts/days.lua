-- Part of a step: what is counted of each day, in a hash a day that expires. source.days: day to name to what is added.
local DAY, DAYS_KEPT = 86400, 35
local MOST_COUNT, FOLLOWED = 4294967295, '>I4I4I4I4I4'

local function count_day(source, day, name, by)
  local counts = source.days[day] or {}
  source.days[day] = counts
  counts[name] = (counts[name] or 0) + by
end

-- Counts what a template's lines say of turnover. lines: day to lines. old: what the template keeps of it, 4 bytes each:
-- the day on which it was new (0: before there were such counts) and its lines, the latest day with lines and its lines,
-- and those of the day before that. Answers what it keeps from now on.
local function follow(source, old, known, lines)
  local order = {}
  for day in pairs(lines) do
    order[#order + 1] = day
  end
  table.sort(order)
  local born, first, latest, count, before = 0, 0, 0, 0, 0
  if old then
    born, first, latest, count, before = struct.unpack(FOLLOWED, old)
  elseif not known then
    born = order[1]
    count_day(source, born, 'new', 1)
  end
  for _, day in ipairs(order) do
    if day == born then
      first = first + lines[day]
      count_day(source, day, 'new_lines', lines[day])
    end
    if day > latest then
      before = day == latest + 1 and count or 0
      count_day(source, day, 'templates', 1)
      count_day(source, day, 'returned', before)
      latest, count = day, lines[day]
    elseif day == latest then
      count = count + lines[day]
    elseif day == latest - 1 then -- of a partition that is behind the others
      if before == 0 then
        count_day(source, day, 'templates', 1)
      end
      before = before + lines[day]
      count_day(source, latest, 'returned', lines[day])
    end
  end
  local most = math.min
  return struct.pack(FOLLOWED, born, most(first, MOST_COUNT), latest, most(count, MOST_COUNT), most(before, MOST_COUNT))
end

local function write_days(source)
  for day, counts in pairs(source.days) do
    local key, left = source.base .. 'day:' .. string.format('%.0f', day), (day + DAYS_KEPT + 1) * DAY - source.now
    if left > 0 then
      for name, by in pairs(counts) do
        if by > 0 then
          change('HINCRBY', key, name, string.format('%.0f', by))
        end
      end
      run('EXPIRE', key, math.ceil(left))
    end
  end
end
