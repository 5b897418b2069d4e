#!/usr/bin/env bash
# Runs a program of Beam's Go SDK on Flink, on a cluster on this machine that is there
# for this run alone:
#
#   flink/run.sh WORKERS PROGRAM [FLAG…]
#
# The cluster is a job manager, Beam's job server and WORKERS task managers, each of
# which starts one process of the program as its worker. GOMAXPROCS is that of a worker.
# It takes Java 11 or 17, Maven, curl and the ports of conf/config.yaml and 8099. What
# it fetches and builds, and the logs, are in flink/target.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: $0 WORKERS PROGRAM [FLAG…]" >&2; exit 2; }
workers=$1
shift
program=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
target=$here/target
rest=localhost:8081
jobs=localhost:8099

mkdir -p "$target/log"
[ -d "$target/lib" ] || mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$target/lib"
(cd "$here/.." && CGO_ENABLED=0 go build -o "$target/boot" github.com/apache/beam/sdks/v2/go/container)

export CLASSPATH="$target/lib/*"
opens=()
for package in lang lang.invoke lang.reflect io net nio time text util util.concurrent util.concurrent.atomic util.concurrent.locks; do
	opens+=("--add-opens=java.base/java.$package=ALL-UNNAMED")
done

files=$(mktemp -d)
# Beam's boot program starts a worker in a copy of what was staged, and leaves it running. The
# program is on this machine, so what is staged is a script that takes itself away and becomes
# the program. Two boots must not share a folder.
cat >"$files/worker" <<END
#!/bin/bash
rm "\$0"
rmdir "\${0%/*}"
echo \$\$ >>$(printf %q "$files/workers")
exec $(printf %q "$program") "\$@"
END
cat >"$files/boot" <<END
#!/bin/bash
cd "\$(mktemp -d -p $(printf %q "$files"))"
exec $(printf %q "$target/boot") --semi_persist_dir="\$PWD" "\$@"
END
chmod +x "$files/worker" "$files/boot"
started=()
finish() {
	for p in "${started[@]}"; do
		kill "$p" 2>/dev/null || true
	done
	for p in $(cat "$files/workers" 2>/dev/null); do
		! [ "/proc/$p/exe" -ef "$program" ] || kill "$p"
	done
	wait || true
	rm -rf "$files"
}
trap finish EXIT

# start LOG JAVA'S ARGUMENTS… starts one process of the cluster.
start() {
	java "${opens[@]}" -Djava.io.tmpdir="$files" "${@:2}" >"$target/log/$1" 2>&1 </dev/null &
	started+=($!)
}

# await WHAT COMMAND… waits until the command succeeds.
await() {
	for _ in {1..300}; do
		for p in "${started[@]}"; do
			kill -0 "$p" 2>/dev/null || { echo "$0: Flink ended; its logs are in $target/log" >&2; exit 1; }
		done
		"${@:2}" >/dev/null 2>&1 && return
		sleep 1
	done
	echo "$0: no $1 after 5 minutes; logs are in $target/log" >&2
	exit 1
}

free() { ! curl -s "$1" -o /dev/null || { echo "$0: $1 is taken" >&2; exit 1; }; }
ready() { curl -sf "http://$rest/overview" | grep -q "\"slots-available\":$workers[,}]"; }
listening() { (: <>"/dev/tcp/${jobs%:*}/${jobs#*:}"); }

free "$rest"
start jobmanager.log -Xmx512m org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint --configDir "$here/conf"
for ((i = 1; i <= workers; i++)); do
	start "taskmanager-$i.log" -Xmx1g -XX:MaxDirectMemorySize=512m org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir "$here/conf"
done
start jobserver.log -Xmx512m org.apache.beam.runners.flink.FlinkJobServerDriver --flink-master="$rest" \
	--job-port="${jobs#*:}" --artifact-port=0 --expansion-port=-1 --artifacts-dir="$files/artifacts"
await "cluster of $workers" ready
await "job server" listening

"$@" --runner=universal --endpoint="$jobs" --environment_type=PROCESS \
	--environment_config="{\"command\": \"$files/boot\"}" --worker_binary="$files/worker" --parallelism="$workers"
