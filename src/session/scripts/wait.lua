-- ticket, data, how long it is good.
redis.call('SET', P .. 'call:' .. ARGV[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', P .. 'calls', ms(now + ARGV[3]), ARGV[1])
return 1
