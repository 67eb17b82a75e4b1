-- ticket: its data, once.
local key = P .. 'call:' .. ARGV[1]
local data = redis.call('GET', key)
redis.call('DEL', key)
redis.call('ZREM', P .. 'calls', ARGV[1])
return data
