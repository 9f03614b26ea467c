-- Make the store where there is none. KEYS[1]: the meta hash. ARGV: 1 prefix, 2 an identity for a new store.
-- Answer: the identity, version and number of the last operation; {} where there are data without a meta hash.
if redis.call('EXISTS', KEYS[1]) == 0 then
  for _, name in ipairs({'ends', 'due', 'done', 'log'}) do
    if redis.call('EXISTS', ARGV[1] .. name) == 1 then return {} end
  end
  redis.call('HSET', KEYS[1], 'identity', ARGV[2], 'version', '1', 'op', '0', 'head', '0', 'horizon', '0')
end
return redis.call('HMGET', KEYS[1], 'identity', 'version', 'op')
