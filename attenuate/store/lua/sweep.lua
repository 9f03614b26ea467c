-- ARGV: 4 now, 5 how many of each, 6 seconds that now may be ahead of the server's clock: one machine whose
-- clock is fast must not end for all what others still count. Answer: op, how many expired, were forgotten.
local now = text(math.min(tonumber(ARGV[4]), tonumber(call('TIME')[1]) + tonumber(ARGV[6])))
local limit = tonumber(ARGV[5])
begin()
local due = call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, limit)
for _, id in ipairs(due) do
  local h, charged = hold(id), {}
  for i = 1, tonumber(h.n) do charged[i] = tonumber(h['r' .. i]) end
  move(id, h, 3, charged)
end
local gone = forget(tonumber(now), limit)
if tonumber(now) > horizon then call('HSET', KEYS[1], 'horizon', now) end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'done', '-inf', now, 'LIMIT', 0, limit)) do
  gone = gone + call('DEL', P .. 'h:' .. id)
  call('ZREM', P .. 'done', id)
end
-- the newest entry stays: by it a gate notices that the history is another
for _, seq in ipairs(call('ZRANGEBYSCORE', P .. 'log:ends', '-inf', now, 'LIMIT', 0, limit + 1)) do
  if tonumber(seq) < head then
    gone = gone + call('ZREMRANGEBYSCORE', P .. 'log', seq, seq)
    call('ZREM', P .. 'log:ends', seq)
  end
end
local left = limit
for _, selector in ipairs(call('ZRANGEBYSCORE', P .. 'seen', '-inf', now, 'LIMIT', 0, limit)) do
  local name, issued = P .. 'seen:' .. selector, P .. 'issued:' .. selector
  for _, lease in ipairs(call('ZRANGEBYSCORE', name, '-inf', now, 'LIMIT', 0, left)) do
    call('ZREM', issued, lease)
    left, gone = left - call('ZREM', name, lease), gone + 1
  end
  local first = call('ZRANGE', name, 0, 0, 'WITHSCORES')
  if first[2] then call('ZADD', P .. 'seen', first[2], selector) else call('ZREM', P .. 'seen', selector) end
  if left <= 0 then break end
end
return {op, #due, gone}
