# Sourced by the checks: where the sources are. LOGWOOD_ROOT points elsewhere for their own test.
set -euo pipefail
checks=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${LOGWOOD_ROOT:-$(cd "$checks/../.." && pwd)}
cd "$root"
core_folders=(include util wal memtable table compaction db)

# The C++ files below the given folders, those that exist.
sources() {
  local folder folders=()
  for folder in "$@"; do
    if [[ -d $folder ]]; then folders+=("$folder"); fi
  done
  find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cc' \) | LC_ALL=C sort
}
