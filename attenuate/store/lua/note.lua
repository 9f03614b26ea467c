-- A lease that was seen. ARGV: 4 the lease, 5 when it was issued, 6 until when it lives, 7... selectors.
begin()
for i = 7, #ARGV do
  local name = P .. 'seen:' .. ARGV[i]
  call('ZADD', name, ARGV[6], ARGV[4])
  call('ZADD', P .. 'issued:' .. ARGV[i], ARGV[5], ARGV[4])
  call('ZADD', P .. 'seen', call('ZRANGE', name, 0, 0, 'WITHSCORES')[2], ARGV[i])
end
return {op}
