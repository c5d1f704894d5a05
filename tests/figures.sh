# Sourced by tests/campaign and tests/bars: lines of their tables, and the figures that tests print.

trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }

# figures_of WORD FILE: the numbers beside the word, added up: "states: 17", "states=17" or "17 states".
figures_of() {
  { grep -oE "(^|[^A-Za-z])(${1}[:=] *[0-9]+|[0-9]+ +${1}([^A-Za-z=:]|$))" "$2" || true; } |
    { grep -oE '[0-9]+' || true; } | awk '{ sum += $1 } END { printf "%d", sum }'
}
