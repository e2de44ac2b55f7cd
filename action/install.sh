#!/usr/bin/env bash
# Installs tsipfs, unless one is on the PATH already.
set -euo pipefail
if command -v tsipfs > /dev/null; then
  tsipfs version
  exit 0
fi
npm install --global "tsipfs@${INPUT_VERSION:-latest}"
tsipfs version
