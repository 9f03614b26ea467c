-- Leases that were seen. ARGV: 4 a selector, 5 issued before when, 6 now. Answer: op, how many live.
local issued = P .. 'issued:' .. ARGV[4]
local count = call('ZCOUNT', issued, '-inf', '(' .. ARGV[5])
for _, lease in ipairs(call('ZRANGEBYSCORE', P .. 'seen:' .. ARGV[4], '-inf', ARGV[6])) do
  if tonumber(call('ZSCORE', issued, lease)) < tonumber(ARGV[5]) then count = count - 1 end
end
return {op, count}
