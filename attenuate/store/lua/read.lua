-- Counters. ARGV: 4... their keys. Answer: op, for each the numbers, or an empty list.
local out = {op}
for i = 4, #ARGV do out[#out + 1] = counter(ARGV[i]) or {} end
return out
