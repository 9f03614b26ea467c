-- The verb: `decide` of model.py. ARGV: 4 now, 5 the ledger's number or '', 6 id of a reservation or '',
-- 7 when it expires, 8 until when it is kept; then for each charge its kind (b budget, f final, r replay,
-- a attempt, A attempt that raises), key, amount, ceiling, until, and until when it is kept.
-- Answer: op, verdict, number, found...
local now, ledger, id = tonumber(ARGV[4]), ARGV[5], ARGV[6]
if ledger ~= '' and tonumber(ledger) ~= head then return {op, 3, head} end

local held = nil
if id ~= '' then held = hold(id) end
if held then
  local state = tonumber(held.s)
  if state == 0 and tonumber(held.e) <= now then state = 3 end
  local known, count = {}, 0
  for i = 1, tonumber(held.n) do known[held['k' .. i]] = tonumber(held['r' .. i]) end
  local same = state == 0
  for i = 9, #ARGV, 6 do
    if ARGV[i] == 'b' then
      count = count + 1
      if known[ARGV[i + 1]] ~= tonumber(ARGV[i + 2]) then same = false end
    end
  end
  if not same or count ~= tonumber(held.n) then return {op, 4, state} end
end

local out = {0, held and 1 or 0, 0}
local changed, fresh = {}, 0
for i = 9, #ARGV, 6 do
  local kind, key, amount = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local ceiling, till, kept = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  local row = counter(key)
  local new = not row
  row = row or {0, 0, 0, ceiling, 0}
  local spent, reserved, extra = row[1], row[2], row[3]
  local number = (i - 9) / 6
  local last = math.max(row[5], kept)
  if kind == 'a' or kind == 'A' then
    if spent > amount then return {op, 2, number, spent} end
    if kind == 'A' and spent < amount then
      spent = amount
      changed[#changed + 1] = {key, spent, reserved, extra, row[4], last, last ~= row[5]}
      if new then fresh = fresh + 1 end
    end
    out[#out + 1] = spent
  elseif held and (kind == 'b' or kind == 'f') then
    -- reserved already
    out[#out + 1] = kind == 'b' and math.min(row[4] + extra, MOST) - spent - reserved or spent
  else
    if kind == 'r' and till <= horizon then return {op, 2, number, spent} end
    if id ~= '' and kind == 'b' then reserved = reserved + amount else spent = spent + amount end
    local most = math.min(ceiling + extra, MOST)
    if spent + reserved > most then
      return {op, 2, number, kind == 'b' and most - row[1] - row[2] or row[1]}
    end
    out[#out + 1] = kind == 'b' and most - spent - reserved or spent
    if amount > 0 then
      changed[#changed + 1] = {key, spent, reserved, extra, ceiling, last, last ~= row[5]}
      if new then fresh = fresh + 1 end
    end
  end
end

if #changed > 0 or (id ~= '' and not held) then
  begin()
  for _, row in ipairs(changed) do
    call('HSET', P .. 'c:' .. row[1], 's', text(row[2]), 'h', text(row[3]), 'e', text(row[4]), 'c', text(row[5]),
      'u', text(row[6]))
    if row[7] then ends(row[1], row[6]) end
  end
  if id ~= '' and not held then
    local fields, n = {'s', '0', 'e', ARGV[7], 'u', ARGV[8]}, 0
    for i = 9, #ARGV, 6 do
      if ARGV[i] == 'b' then
        n = n + 1
        for _, field in ipairs({'k' .. n, ARGV[i + 1], 'r' .. n, ARGV[i + 2], 'c' .. n, ARGV[i + 2]}) do
          fields[#fields + 1] = field
        end
      end
    end
    call('HSET', P .. 'h:' .. id, 'n', text(n), unpack(fields))
    call('ZADD', P .. 'due', ARGV[7], id)
  end
  -- What ended goes as fast as new ones come. Two clocks have to be wrong for it to go too early.
  if fresh > 0 then forget(math.min(now, tonumber(call('TIME')[1])), 2 * fresh) end
end
out[1] = op
return out
