-- id: how it ended.
return redis.call('GET', P .. 'end:' .. ARGV[1])
