-- id, how it ends, how long that is remembered, patience: data, stage, whether its cart may be emptied; nothing where it
-- was over already.
local id = ARGV[1]
if not is_open(id) then return false end
local found = redis.call('HMGET', P .. 'session:' .. id, 'data', 'stage', 'account')
if not found[1] then return false end
remove(id)
redis.call('SET', P .. 'end:' .. id, ARGV[2], 'PX', ARGV[3])
return { found[1], tonumber(found[2]), clearing(found[3], id, tonumber(ARGV[4])) }
