-- Requests of one text each, of a given number of tokens, for wrk: the form of the body
-- is that of the URL's path. Each word is one token of BERT's vocabulary; [CLS] and
-- [SEP] are the two others. Arguments: the tokens.

local words = {}
for word in ([[the of and in to was he is as for on with that it his by at from her she you had an were but be this
are not my they one which or have him me first all also their has up who out been when after there into new two its
time would no what about said we over then other so more can if like back them only some could where just during
before do made school through than now years most world may between down well three year while will city under
house company head long people war home end family life night water music group state national university]]):gmatch("%a+") do
	table.insert(words, word)
end

local threads, texts, at = {}, {}, 0

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end

function init(args)
	math.randomseed(1 + number)
	local field = wrk.path == "/embed" and '{"inputs":' or '{"model":"minilm","input":'
	for i = 1, 1000 do
		local text = {}
		for k = 1, tonumber(args[1]) - 2 do
			text[k] = words[math.random(#words)]
		end
		texts[i] = wrk.format("POST", wrk.path, { ["Content-Type"] = "application/json" }, field .. '"' .. table.concat(text, " ") .. '"}')
	end
	wrong = 0 -- global: done reads it
end

function request()
	at = at % #texts + 1
	return texts[at]
end

function response(status)
	if status ~= 200 then
		wrong = wrong + 1
	end
end

function done(summary, latency)
	local failed = 0
	for _, thread in ipairs(threads) do
		failed = failed + thread:get("wrong")
	end
	local e, seconds = summary.errors, summary.duration / 1e6
	print(string.format("%.0f %.2f %.2f %d", summary.requests / seconds, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
		failed + e.connect + e.read + e.write + e.timeout))
end
