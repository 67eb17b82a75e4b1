-- What all scripts know. KEYS[1] is the prefix of all names; the store's own clock is the only one.
local P = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local HOUR = 3600000

local function ms(number) return string.format('%.0f', number) end

local function is_open(id)
  local due = redis.call('ZSCORE', P .. 'due', id)
  return due and tonumber(due) > now
end

-- A lease that is void is kept for an hour, for whoever comes late and finds it untaken.
local function put(account, holder, phase, till)
  local key = P .. 'lease:' .. account
  redis.call('HSET', key, 'holder', holder, 'phase', phase, 'till', ms(till))
  redis.call('PEXPIREAT', key, ms(till + HOUR))
end

local function lease(account)
  local found = redis.call('HMGET', P .. 'lease:' .. account, 'holder', 'phase', 'till')
  if not found[1] then return nil end
  return { holder = found[1], phase = found[2], till = tonumber(found[3]) }
end

local function holds(lease)
  if lease.phase == 'open' then return is_open(lease.holder) end
  return now < lease.till
end

-- The session is over: its cart may be emptied for so long, unless somebody else has the account by now.
local function clearing(account, id, patience)
  local had = account ~= '' and lease(account)
  if not had or had.holder ~= id then return 0 end
  put(account, id, 'clearing', now + patience)
  return 1
end

local function remove(id)
  redis.call('ZREM', P .. 'due', id)
  redis.call('DEL', P .. 'session:' .. id)
end
