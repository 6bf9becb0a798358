-- Moves a sink's position in the outbox, unless another worker moved it.
-- KEYS: sent. ARGV: sink, the position it is thought to have, the new one. Answers 1 or 0.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '0') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
