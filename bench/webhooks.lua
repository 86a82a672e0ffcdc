-- For wrk: posts signed webhooks from a file of lines `signature<TAB>body`, one after the other; at
-- the end of the file it begins again, or stops when it is told `once`.
local requests = {}
local last = 0
local once = false

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
    once = arguments[2] == "once"
end

function request()
    if last == #requests then
        if once then wrk.thread:stop() end
        last = 0
    end
    last = last + 1
    return requests[last]
end

function done(summary, _, _)
    local errors = summary.errors
    io.write(string.format(
        "RESULT %d %d %d %d\n",
        summary.requests, summary.duration, errors.status,
        errors.timeout + errors.read + errors.connect + errors.write
    ))
end
