# Per line of a source file: branches, those never taken, and of these the ones whose cause the fault lanes make.
# Input: gcov's JSON; $text: the source's lines.
def count(re): [match(re; "g")] | length;
.files[] | select(.file | endswith($name)) | .lines
| map(select(.unexecuted_block != null)
      | . as $l | $text[$l.line_number - 1] as $t
      | {line: $l.line_number, text: ($t | sub("^ +"; "")), hit: ($l.count > 0),
         all: ($l.branches | length), missed: ([$l.branches[] | select(.count == 0)] | length)}
      | .memory = (if .text | test("err_nomem|[mc]alloc\\(|buf_check\\(|room\\b.*== NULL") then .missed else 0 end)
      | .fault = (if .memory > 0 then 0
                  else [.missed, (.text | count("(^|[^a-z_.])(rc|got) [!=]= RC_OK"))] | min end))
