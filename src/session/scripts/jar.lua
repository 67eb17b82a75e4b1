-- id, version that is known: the jar's version, and its data where that is another; nothing where the session is over.
if not is_open(ARGV[1]) then return false end
local found = redis.call('HMGET', P .. 'session:' .. ARGV[1], 'jar', 'jar_version')
local version = found[2] or '0'
return { tonumber(version), version ~= ARGV[2] and found[1] or '' }
