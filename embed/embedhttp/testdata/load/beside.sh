#!/usr/bin/env bash
# beside.sh SECONDS URL…
# Asks servers that run, one after the other, for embeddings of texts of 16, 128 and
# 256 tokens, over 1, 8 and 64 connections, and prints tokens a second and the median and
# 99th percentile of latency of each: the median of three rounds, of SECONDS each. A URL
# has the path of embeddings: …/api/embed, …/v1/embeddings, or …/embed. The model is called
# minilm where one is named. TOKENS and CONNECTIONS may name some of these. Needs wrk; one thread of it makes the requests.
set -euo pipefail
seconds=$1
shift
here=$(dirname "$0")
found=$(mktemp -d)
trap 'rm -r "$found"' EXIT
urls=("$@")

ask() { # URL TOKENS CONNECTIONS SECONDS
	wrk -t 1 -c "$3" -d "$4s" --timeout 60s -s "$here/beside.lua" "$1" -- "$2" | tail -n 1
	# A server may go on with what nobody waits for any longer: one text more comes behind it.
	[ "$3" -eq 1 ] || curl -s -m 60 -o "$found/after" -H 'Content-Type: application/json' -d '{"model": "minilm", "input": "a", "inputs": "a"}' "$1"
}

# middle FILE COLUMN: the median of its lines.
middle() { sort -n -k "$2" "$1" | awk -v c="$2" '{v[NR] = $c} END {print v[int((NR + 1) / 2)]}'; }

for tokens in ${TOKENS:-16 128 256}; do
	for connections in ${CONNECTIONS:-1 8 64}; do
		for round in warm 1 2 3; do
			for i in "${!urls[@]}"; do
				[ $round != warm ] || : >"$found/$i"
				answer=$(ask "${urls[i]}" $tokens $connections "$([ $round = warm ] && echo 1 || echo "$seconds")")
				[ $round = warm ] || echo "$answer" >>"$found/$i"
			done
		done
		for i in "${!urls[@]}"; do
			awk -v t=$tokens -v c=$connections -v u="${urls[i]}" -v r="$(middle "$found/$i" 1)" -v p50="$(middle "$found/$i" 2)" -v p99="$(middle "$found/$i" 3)" \
				'{wrong += $4} END {printf "%d tokens, %d connections, %s: %.0f tokens/s, p50 %.1f ms, p99 %.1f ms, %d wrong\n", t, c, u, r * t, p50, p99, wrong}' "$found/$i"
		done
	done
done
