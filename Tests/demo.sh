#!/usr/bin/env bash
# A rollout in miniature: real MCP servers on loopback, a real playbook, a signed vote by a second person, a report.
# Time is compressed (one second is an hour), which every report says; nothing is left running.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
[[ -t 2 && -z "${NO_COLOR:-}" ]] || say() { printf '\n%s\n' "$*" >&2; }

say "Building (the first time takes some minutes)"
swift build --product lockstep
swift build --product lockstep-lab
bin=$(swift build --show-bin-path)
lockstep="$bin/lockstep"

home=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-demo.XXXXXX")
lab=""
finish() {
    [[ -z "$lab" ]] || kill "$lab" 2>/dev/null || true
    [[ -z "$lab" ]] || wait "$lab" 2>/dev/null || true
}
trap finish EXIT

say "1. An estate of MCP servers on loopback"
"$bin/lockstep-lab" --manifest "$home/lab.json" --for 300 >"$home/lab.log" 2>&1 &
lab=$!
for _ in $(seq 100); do [[ -s "$home/lab.json" ]] && break; sleep 0.1; done
ports=$(python3 - "$home/lab.json" <<'PY'
import json, re, sys
urls = re.findall(r'"https?://127\.0\.0\.1:(\d+)', open(sys.argv[1]).read())
print(",".join(sorted(set(urls), key=int)))
PY
)

say "2. A workspace with two people, each with an SSH key"
ssh-keygen -q -t ed25519 -N "" -C ana -f "$home/ana"
ssh-keygen -q -t ed25519 -N "" -C ben -f "$home/ben"
cat >"$home/lockstep.yaml" <<YAML
apiVersion: lockstep/v1
kind: Workspace
organisation: Demo
people:
  ana: {name: Ana, keys: ["$(cat "$home/ana.pub")"]}
  ben: {name: Ben, keys: ["$(cat "$home/ben.pub")"]}
groups:
  security-leads: [ana, ben]
YAML
export LOCKSTEP_WORKSPACE="$home" LOCKSTEP_USER=ana HOME="$home"
(cd "$home" && "$lockstep" init --rehearsal --factor 3600)
"$lockstep" doctor

say "3. An agent works with one of the servers; what it calls and what it is told is recorded"
python3 Tests/restock_agent.py "$home/lab.json" "$home/recordings/traffic.ndjson" 80

say "4. The roadmap: four phases, of which this version holds two"
inputs=(--input networks=127.0.0.1 --input "ports=$ports" --input min_coverage=0.5 --input recordings=recordings/traffic.ndjson)
"$lockstep" lint builtin:roadmap.yaml
"$lockstep" plan builtin:roadmap.yaml "${inputs[@]}" | head -n 30

say "5. Ana starts it; it finds the servers and waits for somebody else"
set +e
"$lockstep" run builtin:roadmap.yaml "${inputs[@]}"
code=$?
set -e
[[ $code -eq 4 ]] || { say "the run ended with exit code $code instead of waiting"; exit 1; }
"$lockstep" inventory list

say "6. Ben looks, and signs his vote; Ana could not approve her own run"
LOCKSTEP_USER=ben "$lockstep" approve latest discovery/inventory_review --as ben --key "$home/ben" --reason "compared with the asset list"

say "7. Owners are assigned; the gate notices, although the process that started the run is gone"
for server in $("$lockstep" inventory list --format json | python3 -c 'import json,sys; print(" ".join(s["id"] for s in json.load(sys.stdin)))'); do
    "$lockstep" inventory assign "$server" --owner group:security-leads --criticality medium >/dev/null
done
"$lockstep" serve --for 3s & serve=$!
sleep 1.5
kill -9 "$serve" 2>/dev/null || true
wait "$serve" 2>/dev/null || true
say "   (killed with -9 in the middle; the next one goes on where it was)"
"$lockstep" tick latest --now
"$lockstep" status latest

say "8. Open findings are accepted for a limited time, by name"
"$lockstep" inventory findings
"$lockstep" inventory findings --format json | python3 -c '
import json, sys
seen = set()
for f in json.load(sys.stdin):
    if f["severity"] in ("high", "critical"):
        key = "finding:%s %s" % (f["code"], f["subject"])
        if key not in seen:
            seen.add(key); print(key)
' | while IFS= read -r scope; do
    "$lockstep" exception add "$scope" --owner user:ana --reason "part of the demonstration estate" --for 30d \
        --as ana --key "$home/ana"
done
"$lockstep" tick latest --now
# Phase 2 begins by itself; it mines, and waits for somebody who did not start the run.
waits() { "$lockstep" status latest | grep -q 'least_privilege.*policy_review\|policy_review.*approval'; }
for _ in $(seq 60); do
    waits && break
    "$lockstep" serve --for 1s >/dev/null
done

say "9. Phase 2: a policy was mined from what the agent did, and waits for somebody who did not mine it"
sed -n '1,60p' "$home/policies/mined.yaml"
LOCKSTEP_USER=ben "$lockstep" approve latest least_privilege/policy_review --show

say "10. What the policy would say to an agent that orders elsewhere, or a hundred times as much"
python3 - "$home" <<'PY'
import json, pathlib, sys
home = pathlib.Path(sys.argv[1])
lines = [json.loads(line) for line in (home / "recordings/traffic.ndjson").read_text().splitlines()]
last = [line for line in lines if line["session"] == lines[-1]["session"]]
for name, change in (("elsewhere", {"supplierId": "SUP-666"}), ("far-too-much", {"lines": [{**last[-1]["arguments"]["lines"][0], "quantity": 9000}]})):
    attempt = [{**line, "session": name} for line in last]
    attempt[-1] = {**attempt[-1], "arguments": {**attempt[-1]["arguments"], **change}}
    (home / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in attempt))
PY
for attempt in elsewhere far-too-much; do
    "$lockstep" policy explain --policy "$home/policies/mined.yaml" --recording "$home/$attempt.ndjson" --session "$attempt" --sequence 2 && exit 1
done

say "11. Ben approves; the votes and the policy become a release that OpenSSH can verify, too"
LOCKSTEP_USER=ben "$lockstep" approve latest least_privilege/policy_review --as ben --key "$home/ben" --reason "read each rule"
for _ in $(seq 60); do
    "$lockstep" serve --for 1s >/dev/null
    state=$("$lockstep" status --format json | python3 -c 'import json,sys; print(json.load(sys.stdin)[-1]["state"])')
    [[ $state == waiting || $state == running ]] || break
done
"$lockstep" policy release --verify "$home/policies/release.json"

say "12. The report"
"$lockstep" report progress
"$lockstep" report progress --as html --out "$home/progress.html" >/dev/null
printf '%s\n' "$home/progress.html"
say "Everything is in $home; delete it when you have seen enough."
[[ $state == succeeded ]]
