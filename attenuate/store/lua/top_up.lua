-- Allow more. ARGV: 4 key, 5 extra, 6 ceiling of a new counter, 7 until. Answer: op, the counter; op alone where
-- it would be beyond 2^53-1.
local key, till = ARGV[4], tonumber(ARGV[7])
local row = counter(key) or {0, 0, 0, tonumber(ARGV[6]), 0}
local extra = row[3] + tonumber(ARGV[5])
if extra > MOST then return {op} end
begin()
row[3], row[5] = extra, math.max(row[5], till)
call('HSET', P .. 'c:' .. key, 's', text(row[1]), 'h', text(row[2]), 'e', text(row[3]), 'c', text(row[4]),
  'u', text(row[5]))
ends(key, row[5])
return {op, row}
