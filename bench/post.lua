-- The request that bench/cannon.ts sends too: a POST of 1 kB. The result is written as one line of JSON.
wrk.method = 'POST'
wrk.headers['content-type'] = 'application/json'
wrk.body = '{"model":"bench","prompt":"' .. string.rep('x', 1000) .. '"}'

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"errors":%d}',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
