-- id, account or '', data, idle, longest, most, how long an expired one waits to be swept: 1, or 0 where the account is
-- somebody else's.
local id, account, ends = ARGV[1], ARGV[2], now + ARGV[5]
if account ~= '' then
  local had = lease(account)
  if not had or had.holder ~= id then return 0 end
  put(account, id, 'open', ends)
end
if redis.call('ZCOUNT', P .. 'due', ms(now + 1), '+inf') >= tonumber(ARGV[6]) then
  local oldest = redis.call('ZRANGEBYSCORE', P .. 'due', ms(now + 1), '+inf', 'LIMIT', 0, 1)
  redis.call('ZADD', P .. 'due', 0, oldest[1])
end
local key = P .. 'session:' .. id
redis.call('HSET', key, 'data', ARGV[3], 'stage', 0, 'idle', ARGV[4], 'ends', ms(ends), 'account', account)
redis.call('PEXPIREAT', key, ms(ends + ARGV[7]))
redis.call('ZADD', P .. 'due', ms(math.min(now + ARGV[4], ends)), id)
return 1
