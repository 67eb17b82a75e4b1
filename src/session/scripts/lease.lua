-- holder, patience, accounts ...: the number of the first account that nobody has, or -1.
for number = 3, #ARGV do
  local had = lease(ARGV[number])
  -- Asked again after an answer that was lost, it is the holder's own.
  if not had or not holds(had) or had.holder == ARGV[1] then
    put(ARGV[number], ARGV[1], 'entering', now + ARGV[2])
    return number - 3
  end
end
return -1
