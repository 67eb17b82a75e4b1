-- id, stage: how far the session's cart was, or -1 where it is not open.
if not is_open(ARGV[1]) then return -1 end
local key = P .. 'session:' .. ARGV[1]
local was = tonumber(redis.call('HGET', key, 'stage'))
if tonumber(ARGV[2]) > was then redis.call('HSET', key, 'stage', ARGV[2]) end
return was
