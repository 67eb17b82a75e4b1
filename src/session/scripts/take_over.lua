-- account, holder, patience, how the earlier session ends, how long that is remembered: 1, or 0 where somebody has it
-- who cannot be disturbed now.
local had = lease(ARGV[1])
if had and had.holder ~= ARGV[2] then
  if had.phase == 'open' then
    if is_open(had.holder) then
      remove(had.holder)
      redis.call('SET', P .. 'end:' .. had.holder, ARGV[4], 'PX', ARGV[5])
    end
  elseif holds(had) then
    return 0
  end
end
put(ARGV[1], ARGV[2], 'entering', now + ARGV[3])
return 1
