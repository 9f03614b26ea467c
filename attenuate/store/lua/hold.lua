-- ARGV: 4 the id of one reservation, or '' and 5 how many of those that are held. Answer: op, each as a list.
local out = {op}
local ids = {ARGV[4]}
if ARGV[4] == '' then ids = call('ZRANGE', P .. 'due', 0, tonumber(ARGV[5]) - 1) end
for _, id in ipairs(ids) do
  local h = hold(id)
  if h then out[#out + 1] = listed(id, h) end
end
return out
