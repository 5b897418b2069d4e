#!/usr/bin/env bash
# load.sh TEXTS FORMAT SECONDS "CONNECTIONS..." COMMAND...
# Starts a server by COMMAND, which listens at 127.0.0.1:8099, and for each number
# of connections prints how it does under mix.lua's requests for so many seconds,
# its resident memory before, halfway and after, and the tokens that it computed
# where it has /metrics: what Rhumb answers lags behind that, as small requests
# overtake large ones. Needs wrk and curl.
set -euo pipefail
texts=$1 format=$2 seconds=$3 connections=$4
shift 4
here=$(dirname "$0")
url=http://127.0.0.1:8099

"$@" >/dev/null 2>&1 &
server=$!
output=$(mktemp)
trap 'kill $server 2>/dev/null; wait; rm "$output"' EXIT
until curl -sf -o /dev/null -H 'Content-Type: application/json' -d '{"model":"minilm","input":"ready"}' $url/v1/embeddings; do
	kill -0 $server
	sleep 0.2
done
resident() { awk '/VmRSS/ {printf "%d", $2 / 1024}' /proc/$server/status; }
computed() { curl -s $url/metrics | awk '/^rhumb_batch_tokens_sum/ {printf "%d", $2}'; }
for c in $connections; do
	before=$(resident) tokens=$(computed)
	wrk -t 1 -c "$c" -d "${seconds}s" --timeout 60s -s "$here/mix.lua" $url -- "$texts" "$format" >"$output" &
	wrk=$!
	sleep $((seconds / 2))
	half=$(resident)
	wait $wrk
	echo "$c connections: $(tail -n 1 "$output"), $((($(computed) - tokens) / seconds)) computed, memory $before $half $(resident) MB"
done
