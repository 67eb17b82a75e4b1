-- id, whether its data is known: data, stage, milliseconds until it goes idle; nothing where it is not open.
local id = ARGV[1]
if not is_open(id) then return false end
local found = redis.call('HMGET', P .. 'session:' .. id, 'idle', 'ends', 'stage')
if not found[1] then return false end
local due = math.min(now + found[1], tonumber(found[2]))
redis.call('ZADD', P .. 'due', ms(due), id)
local data = ARGV[2] == '1' and '' or redis.call('HGET', P .. 'session:' .. id, 'data')
return { data, tonumber(found[3]), due - now }
