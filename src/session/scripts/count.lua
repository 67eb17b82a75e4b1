-- Open sessions, those that have an account to themselves, and waiting calls.
redis.call('ZREMRANGEBYSCORE', P .. 'calls', '-inf', ms(now))
local ids = redis.call('ZRANGEBYSCORE', P .. 'due', ms(now + 1), '+inf')
local leased = 0
for _, id in ipairs(ids) do
  local account = redis.call('HGET', P .. 'session:' .. id, 'account')
  if account and account ~= '' then leased = leased + 1 end
end
return { #ids, leased, redis.call('ZCARD', P .. 'calls') }
