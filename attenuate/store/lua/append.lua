-- Append to the ledger. ARGV: 4... for each entry until when it is kept, and the entry. Answer: op, the head.
begin()
for i = 4, #ARGV, 2 do
  head = head + 1
  local seq = text(head)
  -- the number in front keeps equal entries apart
  call('ZADD', P .. 'log', seq, string.format('%016.0f', head) .. ARGV[i + 1])
  call('ZADD', P .. 'log:ends', ARGV[i], seq)
end
call('HSET', KEYS[1], 'head', text(head))
call('PUBLISH', P .. 'news', text(head))
return {op, head}
