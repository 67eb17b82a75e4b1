-- account, holder.
local had = lease(ARGV[1])
if had and had.holder == ARGV[2] then redis.call('DEL', P .. 'lease:' .. ARGV[1]) end
return 1
