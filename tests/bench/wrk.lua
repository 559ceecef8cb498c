-- wrk -s wrk.lua URL -- signup|confirm SERIES: each request its own address, token and client network.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(arguments)
    kind, series, all = arguments[1], arguments[2], tonumber(arguments[3])
    path = "/api/lead-magnet/" .. kind
    sent = 0
    math.randomseed(number + tonumber(arguments[4]))
    headers = {
        ["Content-Type"] = "application/json",
        ["Accept-Language"] = "fr-FR,fr;q=0.9,en;q=0.8",
        ["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15",
    }
end

function request()
    local n = sent * all + number + 1
    sent = sent + 1
    headers["X-Forwarded-For"] = math.random(11, 99) .. "." .. math.random(0, 255)
        .. "." .. math.random(0, 255) .. "." .. math.random(1, 254)
    local body
    if kind == "signup" then
        body = '{"email": "' .. series .. "-" .. n
            .. '@example.org", "consents": ["guide-mariee-sereine-delivery-fr-1"], "source": "instagram"}'
    else
        local token = series .. "-" .. n
        body = '{"token": "' .. token .. string.rep("x", 43 - #token) .. '"}'
    end
    return wrk.format("POST", path, headers, body)
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
