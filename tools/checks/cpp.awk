# Shared by the checks: CodeOf(line) is a line of C++ without comments, strings and characters.
# Feed it every line of a file in order; call StartFile() at the first.

function StartFile() {
  in_comment = 0
  in_raw_string = 0
}

function CodeOf(line,    code, before, token, rest, at) {
  code = ""
  while (line != "") {
    if (in_comment) {
      at = index(line, "*/")
      if (!at) return code
      in_comment = 0
      line = substr(line, at + 2)
      code = code " "
    } else if (in_raw_string) {
      at = index(line, raw_string_end)
      if (!at) return code
      in_raw_string = 0
      line = substr(line, at + length(raw_string_end))
    } else if (!match(line, /\/\/|\/\*|"|'/)) {
      return code line
    } else {
      before = substr(line, 1, RSTART - 1)
      token = substr(line, RSTART, RLENGTH)
      rest = substr(line, RSTART + RLENGTH)
      code = code before
      if (token == "//") return code
      if (token == "/*") {
        in_comment = 1
      } else if (token == "\"" && before ~ /(^|[^A-Za-z0-9_])(u8|u|U|L)?R$/) {
        at = index(rest, "(")
        raw_string_end = ")" substr(rest, 1, at - 1) "\""
        in_raw_string = 1
        rest = substr(rest, at + 1)
        code = code "\"\""
      } else if (token == "\"") {
        while (match(rest, /\\.|"/) && substr(rest, RSTART, 1) == "\\")
          rest = substr(rest, RSTART + 2)
        rest = RSTART ? substr(rest, RSTART + 1) : ""
        code = code "\"\""
      } else if (match(before, /[A-Za-z0-9_]+$/) && substr(before, RSTART, 1) ~ /[0-9]/) {
        code = code ""  # the ' of 1'000
      } else {
        if (match(rest, /^(\\.[^']*|[^'\\])'/)) rest = substr(rest, RLENGTH + 1)
        code = code "' '"
      }
      line = rest
    }
  }
  return code
}
