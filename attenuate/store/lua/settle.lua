-- Settle a reservation where it is still held. ARGV: 4 its id, 5 the state, then what each counter is
-- charged. Answer: op, 1 where it was held and 0 where not.
local h = hold(ARGV[4])
if not h or h.s ~= '0' then return {op, 0} end
local charged = {}
for i = 6, #ARGV do charged[i - 5] = tonumber(ARGV[i]) end
begin()
move(ARGV[4], h, tonumber(ARGV[5]), charged)
return {op, 1}
