# Makes errors.md:  keymuster explain -o json | jq -rf docs/reference/errors.jq >docs/reference/errors.md
# A test compares the page with what the program says.
def title: {"1": "Command line and configuration", "2": "Store", "3": "KMS", "4": "Copies", "5": "Runs", "6": "Policy",
            "7": "Delivery", "8": "Backup servers", "9": "The program itself"}[.code[2:3]];
"# Errors",
"",
"Every error ends with its code; `keymuster explain CODE` says offline what stands here, `keymuster explain STATUS` lists the codes of",
"an exit status ([all of them](exit-codes.md)). This page is made by `errors.jq` from what the program says.",
([.codes | group_by(.code[2:3])[]][] |
    "", "## \(.[0] | title)",
    (.[] |
        "", "### \(.code): \(.text)", "",
        "Exit \(.exit)\(if .retryable then "; the same command may work later" else "" end). \(.means)", "",
        "Usual causes:", "", (.causes[] | "* \(.)"), "",
        "What to do:", "", (.do[] | "* \(.)")))
