import { SLIDING_SLICES } from '../../core/store.ts'
import { type Script, scriptOf } from './connection.ts'

/** What of a capacity is taken for the error of calculating with fractions, and not for use. */
const ROUNDING = '1e-12'

/** What is run for a take, and what tells the same without taking. */
export interface LimitScripts {
  readonly take: Script
  readonly peek: Script
}

/** @param time see {@link scriptFor} */
export function limitScripts(time?: string): LimitScripts {
  return { take: scriptFor('take', time), peek: scriptFor('peek', time) }
}

/**
 * Takes from all limits or from none, by Redis' own clock: gateways whose clocks differ count alike.
 *
 * KEYS are states, one for each limit. ARGV is the cost, then algorithm, capacity and period in milliseconds for each.
 * A state is pairs of doubles: used and when of a bucket, used and which window, used and which slice, from old to new, of a sliding one.
 * A clock that steps back by less than a period stands still until it has caught up; by more, the state is that of another time.
 *
 * The answer is a list of integers: number of the limit that refused (0 for none), microseconds to wait (-1 for ever), then what is
 * left and the microseconds until all is there again for each limit.
 *
 * @param act `peek` writes nothing, and gives the states as they are
 * @param time the expression that gives seconds and microseconds; tests give their own
 */
function scriptFor(act: 'take' | 'peek', time = "redis.call('TIME')"): Script {
  return scriptOf(`
local time = ${time}
local now = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[1])
local states = redis.call('MGET', unpack(KEYS))

-- Each gives the wait until the cost fits, and a function that takes and gives what is used, when all is there again, and the new state.
local function bucket(state, capacity, period)
  local used, at = 0, now
  if state then
    local since
    used, since = struct.unpack('<dd', state)
    if since > now and since - now <= period then at = since end
    if at > since then used = math.max(0, used - (at - since) * capacity / period) end
  end
  local over = used + cost - capacity
  local wait = over > capacity * ${ROUNDING} and at - now + over * period / capacity or 0
  return wait, function(taken)
    used = used + taken
    return used, at - now + used * period / capacity, struct.pack('<dd', used, at)
  end
end

local function windows(state, capacity, period, window, start_of)
  local used = 0
  if state then
    local was, index = struct.unpack('<dd', state)
    if index == window or (index > window and start_of(index) - now <= period) then used, window = was, index end
  end
  local rest = start_of(window + 1) - now
  return used + cost > capacity and rest or 0, function(taken)
    used = used + taken
    return used, used > 0 and rest or 0, struct.pack('<dd', used, window)
  end
end

local function fixed(state, capacity, period)
  return windows(state, capacity, period, math.floor(now / period), function(index) return index * period end)
end

-- Days of the calendar in cycles of 400 years that begin in March, so that a leap day is the last of its year.
local day = 86400 * 1000000
local function month_of_now()
  local days = math.floor(now / day) + 719468
  local cycle = math.floor(days / 146097)
  local of_cycle = days - cycle * 146097
  local year = math.floor((of_cycle - math.floor(of_cycle / 1460) + math.floor(of_cycle / 36524) - math.floor(of_cycle / 146096)) / 365)
  local of_year = of_cycle - year * 365 - math.floor(year / 4) + math.floor(year / 100)
  return (cycle * 400 + year) * 12 + math.floor((5 * of_year + 2) / 153) + 2
end
local function start_of_month(month)
  local since_march = month - 2
  local year, of_year = math.floor(since_march / 12), since_march % 12
  local cycle = math.floor(year / 400)
  local of_cycle = year - cycle * 400
  local days = of_cycle * 365 + math.floor(of_cycle / 4) - math.floor(of_cycle / 100) + math.floor((153 * of_year + 2) / 5)
  return (cycle * 146097 + days - 719468) * day
end
local function months(state, capacity, period)
  return windows(state, capacity, period, month_of_now(), start_of_month)
end
local function years(state, capacity, period)
  return windows(state, capacity, period, math.floor(month_of_now() / 12), function(index) return start_of_month(index * 12) end)
end

local function sliding(state, capacity, period)
  local length = period / ${SLIDING_SLICES}
  local slice = math.floor(now / length)
  local used, counts, slices = 0, {}, {}
  if state then
    for at = 1, #state, 16 do
      local count, index = struct.unpack('<dd', state, at)
      if index >= slice - ${SLIDING_SLICES} and (index <= slice or index * length - now <= period) then
        counts[#counts + 1], slices[#slices + 1] = count, index
        used = used + counts[#counts]
      end
    end
  end
  local wait, rest = 0, used
  if used + cost > capacity then
    for i = 1, #counts do
      rest = rest - counts[i]
      if rest + cost <= capacity then
        wait = (slices[i] + ${SLIDING_SLICES + 1}) * length - now
        break
      end
    end
  end
  return wait, function(taken)
    if taken > 0 then
      if #slices == 0 or slices[#slices] < slice then counts[#counts + 1], slices[#slices + 1] = 0, slice end
      counts[#counts] = counts[#counts] + taken
      used = used + taken
    end
    local parts = {}
    for i = 1, #counts do parts[i] = struct.pack('<dd', counts[i], slices[i]) end
    return used, used > 0 and (slices[#slices] + ${SLIDING_SLICES + 1}) * length - now or 0, table.concat(parts)
  end
end

local algorithms = {
  ['token-bucket'] = bucket,
  ['fixed-window'] = fixed,
  ['sliding-window'] = sliding,
  ['calendar-month'] = months,
  ['calendar-year'] = years,
}
local refused, longest, takes = 0, 0, {}
for i = 1, #KEYS do
  local capacity, period = tonumber(ARGV[i * 3]), ARGV[i * 3 + 1] * 1000
  local wait, take = algorithms[ARGV[i * 3 - 1]](states[i], capacity, period)
  if cost > capacity then wait = math.huge end
  if wait > longest then refused, longest = i, wait end
  takes[i] = take
end

local answer = { refused, longest == math.huge and -1 or math.ceil(longest) }
local takes_now = refused == 0 and ${act === 'take'}
for i = 1, #KEYS do
  local used, reset, state = takes[i](takes_now and cost or 0)
  if takes_now then redis.call('SET', KEYS[i], state, 'PX', math.max(1, math.ceil(reset / 1000))) end
  local capacity = tonumber(ARGV[i * 3])
  answer[#answer + 1] = math.max(0, math.floor(capacity - used + capacity * ${ROUNDING}))
  answer[#answer + 1] = math.ceil(reset)
end
return answer
`)
}
