-- Notes what a person said of a pattern, or takes it back.
-- KEYS: feedback, totals of the source. ARGV: pattern, verdict ('' to take it back), verdicts that are kept at most.
-- Answers 1, or 0 when there are too many, or none to take back.
if ARGV[2] == '' then
  if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
    return 0
  end
else
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    return 0
  end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('HINCRBY', KEYS[2], 'feedback', 1)
return 1
