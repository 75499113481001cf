-- One browser's requests; its headers come with -H. Arguments: kind (same | plain | json | varying | routes | chain | chain-keys), path, number of routes, the token or the body.
-- Prints one line of JSON when it is done.

local kind, path, routes = "same", "/", 1
local requests = {}
local count = 0

function init(args)
  kind, path, routes = args[1], args[2], tonumber(args[3])
  if kind == "routes" then
    for route = 0, routes - 1 do requests[route] = wrk.format("GET", "/route-" .. route .. path) end
  else
    if kind == "chain" or kind == "chain-keys" then
      wrk.headers["Authorization"] = "Bearer " .. args[3]
      wrk.headers["X-API-Key"] = "key-of-the-benchmark-0000000"
      wrk.headers["X-Client-Version"] = "4.2.0"
    end
    -- A cache that obeys its clients would answer none of these.
    if kind == "plain" then wrk.headers["Cache-Control"] = nil end
    if kind == "json" then
      wrk.headers["Content-Type"] = "application/json"
      requests[0] = wrk.format("POST", path, nil, args[3])
    else
      requests[0] = wrk.format("GET", path)
    end
  end
end

function request()
  count = count + 1
  if kind == "same" or kind == "plain" or kind == "json" or kind == "chain" then return requests[0] end
  if kind == "chain-keys" then
    wrk.headers["X-API-Key"] = string.format("key-of-the-benchmark-%07d", (count * 7919) % 1000000)
    return wrk.format("GET", path)
  end
  if kind == "routes" then return requests[(count * 7919) % routes] end
  wrk.headers["Cookie"] = "session=4f9d2c7a1be84d06a5c3e8f2" .. string.format("%08x", count) .. "; theme=dark; consent=all"
  wrk.headers["Traceparent"] = string.format("00-0af7651916cd43dd8448eb21%08x-b7ad6b71%08x-01", count, count)
  return wrk.format("GET", path .. "users/" .. count .. "?page=" .. count % 100)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
