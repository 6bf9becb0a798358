-- Pins where the partitions of a source begin, unless one of them was applied before.
-- KEYS: applied. ARGV: partition, offset, partition, offset, ...
if redis.call('HLEN', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
