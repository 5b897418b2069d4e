-- Requests for embeddings of mixed sizes, for wrk: of 396 requests 320 have one
-- text, 56 have 8 and 20 have 64. The texts are the lines of a file, each as often
-- as the others. Arguments: the file, and the encoding_format.

local threads = {}

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end

local function shuffle(list)
	for i = #list, 2, -1 do
		local j = math.random(i)
		list[i], list[j] = list[j], list[i]
	end
end

local function quote(s)
	return '"' .. s:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

local requests, next_request = {}, 0

function init(args)
	math.randomseed(1 + number)
	local texts = {}
	for line in io.lines(args[1]) do
		table.insert(texts, quote(line))
	end
	shuffle(texts)
	local headers = { ["Content-Type"] = "application/json" }
	local at = 0
	for size, count in pairs({ [1] = 320, [8] = 56, [64] = 20 }) do
		for _ = 1, count do
			local input = {}
			for k = 1, size do
				at = at % #texts + 1
				input[k] = texts[at]
			end
			local body = '{"model":"minilm","encoding_format":"' .. args[2] .. '","input":[' .. table.concat(input, ",") .. "]}"
			table.insert(requests, wrk.format("POST", "/v1/embeddings", headers, body))
		end
	end
	shuffle(requests)
	tokens, refused, wrong = 0, 0, 0 -- global: done reads them
end

function request()
	next_request = next_request % #requests + 1
	return requests[next_request]
end

function response(status, headers, body)
	if status == 200 then
		tokens = tokens + tonumber(body:sub(-400):match('"prompt_tokens":%s*(%d+)'))
	elseif status == 429 then
		refused = refused + 1
	else
		wrong = wrong + 1
	end
end

function done(summary, latency)
	local all = { tokens = 0, refused = 0, wrong = 0 }
	for _, thread in ipairs(threads) do
		for name in pairs(all) do
			all[name] = all[name] + thread:get(name)
		end
	end
	local e, seconds = summary.errors, summary.duration / 1e6
	print(string.format("requests %d, 429 %d, other status %d, connections lost %d, timeouts %d, %.0f requests/s, p50 %.1f ms, p99 %.1f ms, %.0f tokens/s answered",
		summary.requests, all.refused, all.wrong, e.connect + e.read + e.write, e.timeout, summary.requests / seconds,
		latency:percentile(50) / 1000, latency:percentile(99) / 1000, all.tokens / seconds))
end
