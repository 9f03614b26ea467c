-- Before every script. ARGV[1]: prefix of the keys. ARGV[2]: the identity that the client knows.
-- ARGV[3]: the number of the last operation that it knows. KEYS[1]: the meta hash.
-- The answer is {-1} where the meta hash is gone, {-2} where it is another's, {-3} where the data
-- is older than what the client saw; nothing is changed then. Otherwise it begins with the
-- number of the last operation.
--
-- Numbers are doubles. What is stored is at most 2^53-1 and exact; a sum that is beyond this rounds to
-- 2^53 or more, because rounding keeps the order, so comparing it with a bound is exact too.
local MOST = 9007199254740991
local P = ARGV[1]
local call = redis.call
local meta = call('HMGET', KEYS[1], 'identity', 'op', 'head', 'horizon')
if not meta[1] then return {-1} end
if meta[1] ~= ARGV[2] then return {-2} end
local op, head, horizon = tonumber(meta[2]), tonumber(meta[3]), tonumber(meta[4])
if op < tonumber(ARGV[3]) then return {-3} end

local function text(n) return string.format('%.0f', n) end

-- The first write of every script: it is refused where the server has no room, and then nothing is done.
local function begin() op = call('HINCRBY', KEYS[1], 'op', 1) end

local function ends(key, till)
  if till < MOST then call('ZADD', P .. 'ends', text(till), key) end
end

local function counter(key)
  local row = call('HMGET', P .. 'c:' .. key, 's', 'h', 'e', 'c', 'u')
  if not row[1] then return nil end
  return {tonumber(row[1]), tonumber(row[2]), tonumber(row[3]), tonumber(row[4]), tonumber(row[5])}
end

-- A reservation as a table of fields: s state, e expires, u until, n count, k1 r1 c1 ...
local function hold(id)
  local flat = call('HGETALL', P .. 'h:' .. id)
  if #flat == 0 then return nil end
  local out = {}
  for i = 1, #flat, 2 do out[flat[i]] = flat[i + 1] end
  return out
end

local function listed(id, h)
  local out = {id, tonumber(h.s), tonumber(h.e), tonumber(h.u)}
  for i = 1, tonumber(h.n) do
    out[#out + 1] = h['k' .. i]
    out[#out + 1] = tonumber(h['r' .. i])
    out[#out + 1] = tonumber(h['c' .. i])
  end
  return out
end

-- Settle a reservation that is held. charged: for each of its counters.
local function move(id, h, state, charged)
  local name = P .. 'h:' .. id
  for i = 1, tonumber(h.n) do
    local reserved = tonumber(h['r' .. i])
    if reserved > 0 then
      local key = h['k' .. i]
      call('HINCRBY', P .. 'c:' .. key, 's', text(charged[i]))
      call('HINCRBY', P .. 'c:' .. key, 'h', text(-reserved))
      ends(key, tonumber(call('HGET', P .. 'c:' .. key, 'u')))
    end
    call('HSET', name, 'c' .. i, text(charged[i]))
  end
  call('HSET', name, 's', text(state))
  call('ZREM', P .. 'due', id)
  call('ZADD', P .. 'done', h.u, id)
end

-- Forget counters that ended. The horizon rises in the same step, so a proof whose replay key goes is
-- refused from then on, whatever the clocks do. One that is held is passed over; settling lists it again.
local function forget(now, limit)
  local gone = 0
  local names = call('ZRANGEBYSCORE', P .. 'ends', '-inf', text(now), 'LIMIT', 0, limit)
  for _, key in ipairs(names) do
    if tonumber(call('HGET', P .. 'c:' .. key, 'h') or '0') == 0 then
      gone = gone + call('DEL', P .. 'c:' .. key)
    end
    call('ZREM', P .. 'ends', key)
  end
  if now > horizon and #names > 0 then
    horizon = now
    call('HSET', KEYS[1], 'horizon', text(now))
  end
  return gone
end
