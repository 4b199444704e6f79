#!/usr/bin/env bash
# A client of Wireflow's API as people write them in a shell: curl sends, jq reads, and nothing is read that the official one
# does not read. `client.sh VERB ARGUMENTS`; WIREFLOW_BASE_URL and WIREFLOW_API_KEY say where and as whom.
#
# Plain verbs print what came and end well whatever it was. The others look at the status, and end with 1 where they did not
# get what they asked for.
set -uo pipefail

base=$WIREFLOW_BASE_URL
verb=$1
shift

# Sends a request; prints what came.
plain() {
  local method=$1 path=$2
  shift 2
  curl -sS -L -X "$method" "$base$path" -H "Authorization: Bearer $WIREFLOW_API_KEY" "$@"
}

# Sends JSON; prints what came.
post() {
  plain "$1" "$2" -H 'Content-Type: application/json' -d "$3"
}

# Sends a request with these further arguments of curl: `status` and `body` are what came.
status=0
body=
checked_with() {
  local answer
  answer=$(plain "$@" -w '\n%{http_code}')
  status=${answer##*$'\n'}
  body=${answer%$'\n'*}
}

# The same with JSON, where there is some.
checked() {
  if [ $# -gt 2 ]; then
    checked_with "$1" "$2" -H 'Content-Type: application/json' -d "$3"
  else
    checked_with "$1" "$2"
  fi
}

fail() {
  printf '%s\n' "$1" >&2
  exit "${2:-1}"
}

require_ok() {
  case $status in
    2??) ;;
    409) fail "HTTP 409 $body" 2 ;;
    *) fail "HTTP $status $body" ;;
  esac
}

# The field of `body` under this jq path, or the end.
required() {
  local found
  found=$(jq -er "$1" <<<"$body") || fail "no $1 in HTTP $status $body"
  printf '%s' "$found"
}

# Whether a graph is sound: 0, 1 where it is not, 2 where nobody knows.
lint() {
  [ -r "$1" ] || return 2
  checked POST /workflows/lint "$(cat "$1")"
  [ "$status" = 200 ] || return 2
  case $(jq -r 'if .data.ok == null then .ok else .data.ok end | tostring' <<<"$body") in
    true) return 0 ;;
    false)
      jq -r '((.data // .).violations // [])[] | if type == "string" then . else "\(.rule): \(.message) (\(.fix // ""))" end' <<<"$body"
      return 1
      ;;
    *) return 2 ;;
  esac
}

# The graph as it is saved now, with these further fields.
with_graph() {
  checked GET "/workflows/$1"
  require_ok
  jq -c "{nodes: (.nodes // []), edges: (.edges // [])} + $2" <<<"$body"
}

# Executes what was read; prints the execution's id, and what it uses although it is outgrown.
execute() {
  local graph
  graph=$(with_graph "$1" "$2") || exit 1
  checked POST "/workflows/$1/execute" "$graph"
  require_ok
  required '.executionRuns[0].id // .executionId'
  echo
  jq -r '(.staleDependencies // [])[] | "stale \(.nodeId): \(.changedKeys | join(","))"' <<<"$body"
}

visibility() {
  checked POST "/workflows/$1/visibility" "{\"visibility\":\"$2\"}"
  require_ok
  printf '%s %s\n' "$(required '.linkPermission // .data.linkPermission')" "$(required '.url // .data.url')"
}

# Asks until the execution has ended well or badly.
wait_for() {
  local tick state
  for ((tick = 0; tick < ${WF_WAIT_MAX_TICKS:-200}; tick++)); do
    checked GET "/workflows/executions/$1/poll"
    [ "$status" = 200 ] || fail "HTTP $status $body"
    state=$(required '.status // .data.status')
    case $state in
      COMPLETED | FAILED)
        printf '%s\n' "$state"
        # A text that is no text would end jq badly.
        jq -r '(.nodeStates // [])[]
          | select(.status == "COMPLETED")
          | .label + ": " + (.text // "") + ((.outputUrls // [.outputUrl] | map(. // "")) | join(" "))' <<<"$body" || exit 5
        [ "$state" = COMPLETED ] && exit 0
        jq -r '.error, ((.nodeStates // [])[] | select(.status == "FAILED") | "FAILED \(.label): \(.error)")' <<<"$body"
        exit 1
        ;;
    esac
    sleep "${WF_WAIT_INTERVAL:-6}"
  done
  fail "still $state"
}

update() {
  local base_updated_at
  lint "$2" || exit 1
  checked GET "/workflows/$1"
  require_ok
  base_updated_at=$(required '(.data // .).updatedAt')
  checked PUT "/workflows/$1" "$(jq -c --arg base "$base_updated_at" '. + {baseUpdatedAt: $base}' "$2")"
  require_ok
  printf '%s\n' "$status"
}

patch_node() {
  local base_updated_at
  jq -e . >/dev/null 2>&1 <<<"$3" || fail "no JSON: $3" 2
  checked GET "/workflows/$1"
  require_ok
  base_updated_at=${WF_BASE_UPDATED_AT:-$(required '(.data // .).updatedAt')}
  checked PATCH "/workflows/$1/nodes/$2" "$(jq -c --arg base "$base_updated_at" '. + {baseUpdatedAt: $base}' <<<"$3")"
  if [ "$status" = 409 ]; then
    fail "now $(required .currentUpdatedAt), yours $(required .yourBaseUpdatedAt)"
  fi
  require_ok
  printf '%s %s %s\n' "$(required .data.node.id)" "$(required .data.node.data.label)" "$(required .data.updatedAt)"
}

# Moves every node to the right, and saves the workflow as it was read.
organize() {
  local moved
  checked GET "/workflows/$1"
  require_ok
  moved=$(jq -c '(.workflow // .data // .)
    | {name, description, tags, isActive, nodes: (.nodes | map(.position.x += 10)), edges}' <<<"$body")
  lint <(printf '%s' "$moved") || exit 1
  post PUT "/workflows/$1" "$moved"
}

upload() {
  case $1 in
    http://* | https://*) checked POST /media/upload "$(jq -nc --arg url "$1" '{url: $url}')" ;;
    *) checked_with POST /media/upload -F "file=@$1" ;;
  esac
  require_ok
  required .data.url
  echo
}

case $verb in
  list) plain GET /workflows ;;
  get) plain GET "/workflows/$1" ;;
  nodes) plain GET /nodes ;;
  credits) plain GET /developer/usage ;;
  inputs) plain GET "/workflows/$1/run" ;;
  check) lint "$1" ;;
  create) lint "$1" || [ $? = 2 ] || exit 1; post POST /workflows "@$1" ;;
  update) update "$@" ;;
  patch-node) patch_node "$@" ;;
  run) post POST "/workflows/$1/run" "$2" ;;
  run-node) execute "$1" "{targetNodeId: \"$2\"}" ;;
  run-force) execute "$1" '{force: true}' ;;
  poll) plain GET "/workflows/executions/$1/poll" ;;
  wait) wait_for "$1" ;;
  duplicate)
    checked POST "/workflows/$1/duplicate" "$(jq -nc --arg name "${2:-}" 'if $name == "" then {} else {name: $name} end')"
    require_ok
    printf '%s %s\n' "$(required .data.id)" "$(required .data.url)"
    ;;
  publish) visibility "$1" view ;;
  unpublish) visibility "$1" private ;;
  delete) plain DELETE "/workflows/$1" ;;
  estimate) post POST "/workflows/$1/estimate" '{}' ;;
  organize) organize "$1" ;;
  upload) upload "$1" ;;
  media) plain GET /media ;;
  # Without the key: whoever has the link has the file.
  download) curl -fsS -L -A Mozilla/5.0 -o "$2" "$1" ;;
  *) fail "no verb $verb" 2 ;;
esac
