-- ticket: its data, once.
local key = P .. 'arrival:' .. ARGV[1]
local data = redis.call('GET', key)
redis.call('DEL', key)
return data
