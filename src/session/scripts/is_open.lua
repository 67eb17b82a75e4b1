-- id: 1 or 0.
return is_open(ARGV[1]) and 1 or 0
