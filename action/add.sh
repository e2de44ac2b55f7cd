#!/usr/bin/env bash
# Adds INPUT_PATH; tsipfs itself writes the CID to the outputs and the summary of the step.
set -euo pipefail
read -r -a options <<< "${INPUT_ARGS:-}"
cid=$(tsipfs add --ci=github --recursive --quieter "${options[@]}" -- "$INPUT_PATH")
if [[ -n ${INPUT_EXPECT:-} && $cid != "$INPUT_EXPECT" ]]; then
  echo "::error title=tsipfs add::$INPUT_PATH is $cid, not $INPUT_EXPECT"
  exit 6
fi
if [[ -n ${INPUT_CAR:-} ]]; then
  tsipfs dag export --progress=false "$cid" > "$INPUT_CAR"
fi
echo "$cid"
