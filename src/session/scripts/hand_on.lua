-- id, another id, account or '', data: 1 where the session goes on under the other id, 0 where it was over.
local old, id, account = ARGV[1], ARGV[2], ARGV[3]
if is_open(id) then return 1 end
if not is_open(old) then return 0 end
redis.call('RENAME', P .. 'session:' .. old, P .. 'session:' .. id)
redis.call('HSET', P .. 'session:' .. id, 'data', ARGV[4])
redis.call('ZADD', P .. 'due', redis.call('ZSCORE', P .. 'due', old), id)
redis.call('ZREM', P .. 'due', old)
local had = account ~= '' and lease(account)
if had and had.holder == old then put(account, id, had.phase, had.till) end
return 1
