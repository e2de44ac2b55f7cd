#!/usr/bin/env bash
# Has a remote pinning service keep INPUT_CID, and waits until it does. The service fetches from a daemon here.
set -euo pipefail
service=action-$$
daemon=there
leave() {
  # The secret must not stay in a repo that is cached.
  tsipfs pin remote service rm "$service"
  if [[ $daemon == ours ]]; then tsipfs daemon stop; fi
}
trap leave EXIT
tsipfs pin remote service add "$service" "$INPUT_PIN_ENDPOINT" "$INPUT_PIN_KEY"
if ! tsipfs swarm addrs listen > /dev/null 2>&1; then
  tsipfs daemon --detach > /dev/null
  daemon=ours
fi
tsipfs pin remote add --service="$service" --name="${INPUT_PIN_NAME:-}" --wait --timeout="${INPUT_PIN_TIMEOUT:-10m}" "$INPUT_CID"
