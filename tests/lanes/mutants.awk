# Lists the mutants of a C file in this project's format, one a line: line, kind, the line as it becomes (tab-separated).
# Left alone: comments, strings, preprocessor, declarations of tables, and what only words a message (err_why, err_hint).

function emit(kind, text) {
    if (text != $0)
        printf "%d\t%s\t%s\n", FNR, kind, text
}

# The line with comments, strings and characters blanked, so that what is found is code.
function mask(s, out, i, c, quote) {
    out = ""
    quote = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (comment) {
            if (substr(s, i, 2) == "*/") {
                comment = 0
                out = out " "
                i++
            }
            out = out " "
        } else if (quote != "") {
            if (c == "\\") {
                out = out "_"
                i++
            } else if (c == quote) {
                quote = ""
            }
            out = out "_"
        } else if (substr(s, i, 2) == "/*") {
            comment = 1
            out = out "  "
            i++
        } else if (c == "\"" || c == "'") {
            quote = c
            out = out "_"
        } else {
            out = out c
        }
    }
    return out
}

# Each place of `from` becomes `to`, one place a mutant.
function swap(kind, from, to, at, rest, start) {
    start = 1
    while ((at = index(substr(code, start), from)) > 0) {
        at += start - 1
        emit(kind, substr($0, 1, at - 1) to substr($0, at + length(from)))
        start = at + length(from)
    }
}

{
    code = mask($0)
    if (code !~ /^    / || code ~ /^ *#/ || code ~ /err_(why|hint)\(|static |struct [a-z_]+ \{|assert\(|^ +(char|unsigned char) .*\[/)
        next
    match($0, /^ +/)
    indent = substr($0, 1, RLENGTH)
    swap("relation", " == ", " != ")
    swap("relation", " != ", " == ")
    swap("relation", " < ", " <= ")
    swap("relation", " <= ", " < ")
    swap("relation", " > ", " >= ")
    swap("relation", " >= ", " > ")
    swap("logic", " && ", " || ")
    swap("logic", " || ", " && ")
    swap("arithmetic", " + ", " - ")
    swap("arithmetic", " - ", " + ")
    if (match(code, /[ (]![a-z(]/))
        emit("negation", substr($0, 1, RSTART) substr($0, RSTART + 2))
    if (match(code, /^ +(\} else )?if \(.*\)( \{)?$/)) {
        at = index(code, "if (")
        end = code ~ /\{$/ ? length(code) - 2 : length(code)
        emit("condition", substr($0, 1, at + 3) "!(" substr($0, at + 4, end - at - 4) "))" substr($0, end + 1))
    }
    if (match(code, /[^a-zA-Z0-9_?.][1-9][0-9]*[^a-zA-Z0-9_.]/)) {
        number = substr(code, RSTART + 1, RLENGTH - 2)
        emit("constant", substr($0, 1, RSTART) (number + 1) substr($0, RSTART + RLENGTH - 1))
    }
    if (code ~ /^ +return (rc|err->code|err_set\(.*\)|err_errno\(.*\)|bad\(.*\)|lacks\(.*\));$/)
        emit("return", indent "return RC_OK;")
    if (code ~ /^ +return (0|1|-1);$/)
        emit("return", indent (code ~ /return 0/ ? "return 1;" : "return 0;"))
    if (code ~ /^ +(\(void\))?[a-z_]+\(.*\);$/ && code !~ /va_|err_set\(/)
        emit("call", indent ";")
    if (code ~ /^ +(enum rc )?rc = [a-z_]+\(.*\);$/)
        emit("call", substr($0, 1, index(code, "rc = ") - 1) "rc = RC_OK;")
    if (code ~ /^ +[a-z_>.*\[\]-]+ [|+]?= [^=].*;$/ && code !~ / rc = /)
        emit("assignment", indent ";")
}
