-- wrk: each request is of the next session. `wrk … -s sessions.lua URL -- FILE`, a cookie a line.
local requests, at = {}, 0

function init(arguments)
    for cookie in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("GET", nil, { Cookie = cookie })
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
