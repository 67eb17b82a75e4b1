-- ticket, data, how long it is good.
redis.call('SET', P .. 'arrival:' .. ARGV[1], ARGV[2], 'PX', ARGV[3])
return 1
