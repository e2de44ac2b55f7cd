#!/usr/bin/env bash
# Installs tsipfs, unless one is on the PATH already.
set -euo pipefail
if [[ -n ${INPUT_REPO:-} ]]; then
  echo "TSIPFS_PATH=$INPUT_REPO" >> "$GITHUB_ENV"
fi
if command -v tsipfs > /dev/null; then
  tsipfs version
  exit 0
fi
npm install --global "tsipfs@${INPUT_VERSION:-latest}"
tsipfs version
