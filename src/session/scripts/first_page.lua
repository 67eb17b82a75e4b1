-- id: 1 the first time, else 0.
if not is_open(ARGV[1]) then return 0 end
return redis.call('HSETNX', P .. 'session:' .. ARGV[1], 'seen', 1)
