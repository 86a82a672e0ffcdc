-- For wrk: posts signed webhooks from a file of lines `signature<TAB>body`, one after the other.
local requests = {}

function init(arguments)
    for line in io.lines(arguments[1]) do
        local signature, body = line:match("^(%S+)\t(.*)$")
        requests[#requests + 1] = wrk.format("POST", "/webhooks/whatsapp", {
            ["Host"] = "localhost",
            ["Content-Type"] = "application/json",
            ["X-Hub-Signature-256"] = signature,
            ["Content-Length"] = #body,
        }, body)
    end
    math.randomseed(tonumber(arguments[2]))
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency, _)
    io.write(string.format(
        "RESULT %d %d %d %d %d\n",
        summary.requests, summary.duration,
        summary.errors.status + summary.errors.timeout + summary.errors.read
            + summary.errors.connect + summary.errors.write,
        latency:percentile(50), latency:percentile(99)
    ))
end
