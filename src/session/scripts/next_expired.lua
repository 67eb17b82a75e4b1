-- patience: id, data, stage and whether its cart may be emptied of a session that ended by itself, once each.
while true do
  local id = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', ms(now), 'LIMIT', 0, 1)[1]
  if not id then return false end
  local found = redis.call('HMGET', P .. 'session:' .. id, 'data', 'stage', 'account')
  remove(id)
  -- It may have waited so long for a sidecar that its data has gone.
  if found[1] then
    return { id, found[1], tonumber(found[2]), clearing(found[3], id, tonumber(ARGV[1])) }
  end
end
