-- id, version, data: 1 and the next version where the jar still had that version; else 0, its version and its data.
-- Nothing where the session is over.
if not is_open(ARGV[1]) then return false end
local key = P .. 'session:' .. ARGV[1]
local found = redis.call('HMGET', key, 'jar', 'jar_version')
local version = found[2] or '0'
if version ~= ARGV[2] then return { 0, tonumber(version), found[1] or '' } end
local new = redis.call('HINCRBY', key, 'jar_version', 1)
redis.call('HSET', key, 'jar', ARGV[3])
return { 1, new, '' }
