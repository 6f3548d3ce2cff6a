/* The table that every lane walks. A new command costs a row. */
#include "fault.h"

/* clang-format off: one row, one scenario, as wide as it is */

/* Two sites, cheap KMSs, a copy, a released key, a second author with news on the copy that `store`
 * has not pulled, and an entry of `store` that no copy has. */
const char scenario_base[] =
    "!mkdir home\n!mkdir usb\n!mkdir usb2\n"
    "!write fra.pass canary-passphrase-fra\n!write mad.pass canary-passphrase-mad\n"
    "!write adopted canary-adopted-7Qx2\n"
    "!tool new fra.kms fra.pass\n!tool new mad.kms mad.pass\n!tool new new.kms mad.pass\n"
    "-C store init --site fra\n"
    "-C store site add mad\n"
    "-C store kms add kp-fra --site fra --provider local --file fra.kms --credential "
    "file:fra.pass\n"
    "-C store kms add kp-mad --site mad --provider local --file mad.kms --credential "
    "file:mad.pass\n"
    "-C store root create fra-main --kms kp-fra\n"
    "-C store root create mad-main --kms kp-mad\n"
    "-C store copy add usb ./usb --site mad\n"
    "-C store create vbr/first --purpose backup-job --root mad-main\n"
    "-C store reveal vbr/first --reason known --to file:known\n"
    "-C store root rotate mad-main\n"
    "-C store export vbr/first --file ./exported\n"
    "!bytes payload\n!tool>wdek wrap mad.kms mad.pass mad-main payload\n!let wdek wdek\n"
    "!write rows {\"name\":\"vbr/imported\",\"wrapped\":\"{wdek}\"}\n"
    "-C second join --from ./usb --site mad --yes\n"
    "$own author -C store status\n$second author -C second status\n"
    "-C store author admit --yes {second}\n"
    "-C second site add pulled\n"
    "-C store site add unpublished --offline\n";

#define CREATE "-C store create vbr/second --purpose config-backup --root mad-main --root fra-main"
#define RECORD "-C store record vbr/old --purpose backup-job --root mad-main --wrapped file:wdek"
#define ADOPT "-C store record vbr/adopted --purpose other --root mad-main --secret file:adopted"
#define IMPORT "-C store import rows --root mad-main --purpose backup-job"
#define JOIN "-C other join --from ./usb --site mad --yes"
#define KMS_ADD                                                                                    \
    "-C store kms add kp-new --site fra --provider local --file new.kms --credential "             \
    "file:mad.pass"
#define SPARE "-C store author spare --file spare.key --credential file:fra.pass"
#define PERSON "-C store person add first.operator"
#define REVEAL "-C store reveal vbr/first --reason test"
#define FROM_EXPORT                                                                                \
    "reveal vbr/first --from ./exported --yes --credential file:mad.pass --kms-file mad.kms "      \
    "--reason test"
#define FROM_COPY                                                                                  \
    "reveal vbr/first --from ./usb --site mad --yes --credential kp-mad=file:mad.pass --kms-file " \
    "kp-mad=mad.kms --reason test"
#define DRILL_COPY                                                                                 \
    "drill --from ./usb --site mad --yes --credential kp-mad=file:mad.pass --kms-file "            \
    "kp-mad=mad.kms"
#define EXEC "-C store exec vbr/first --reason test"
#define SHOWN_HERE "-C store -o ndjson audit log\n?\"kind\":\"reveal.shown\""

/* A check, an action and a step by hand. */
#define BOOK                                                                                       \
    "!lines book.md # T||```keymuster|id = small|```||## A||Expect: x||### If it fails||* y||"     \
    "```keymuster|id = a|kind = check|run = verify|```||## B||Expect: x||### If it fails||* y||"   \
    "```keymuster|id = b|kind = action|repeat = safe|run = site lost {lost} --reason R|```||## C||Do.||"         \
    "Expect: x||### If it fails||* y||```keymuster|id = c|kind = manual|fields = who text|```|\n"  \
    "!lines answers [words]|lost = mad|[step \"b\"]|do = run|[step \"c\"]|do = done|who = me|"

/* A step that others approve, one by hand, and somebody with a key. */
#define APPROVE                                                                                    \
    "!lines book.md # T||```keymuster|id = small|```||## A||* Do.||Expect: x||### If it fails||* y||" \
    "```keymuster|id = a|kind = approve|```||## B||* Do.||Expect: x||### If it fails||* y||```keymuster|"        \
    "id = b|kind = manual|```|\n"                                                                  \
    PERSON " --new-key person.key --credential file:fra.pass\n"                                    \
    "!lines answers [step \"a\"]|do = done|approved_by_1 = first.operator|key_1 = person.key|"      \
    "passphrase_1 = file:fra.pass|[step \"b\"]|do = done|\n"                                       \
    "!lines alone [step \"a\"]|do = done|[step \"b\"]|do = done|"
#define COUNTERSIGN                                                                                \
    "-C store recover countersign {run} --as first.operator --key person.key --credential "        \
    "file:fra.pass"

#define RUN_EXPORT                                                                                 \
    "recover start book.md --from ./exported --yes --evidence ./night --credential "               \
    "kp-mad=file:mad.pass --kms-file kp-mad=mad.kms --answers answers"

/* A backup server that nobody asks, and a list of what it has. */
#define SERVER "server https://127.0.0.1:1 --offline --credential file:login"
#define VBR_ADD "-C store vbr add " SERVER
#define VBR                                                                                        \
    "!write login user:canary-login\n!write list.json [{\"id\":\"2fb6d770-9215-43a9-b867-"            \
    "f06a291e46e0\",\"hint\":\"vbr/imported | {wdek}\"}]\n" VBR_ADD "\n"
#define VBR_ADOPT "-C store vbr adopt server --all --file list.json --purpose backup-job"
#define VBR_DELIVERED "-C store vbr delivered vbr/first --on server --evidence R"

const struct scenario scenarios[] = {
    /* every day */
    {"create", NULL, CREATE, "\"created\":true", "-C store show vbr/second", CREATE " --if-missing",
     S_CHANGES},
    {"rekey", NULL, "-C store rekey vbr/first", "\"created\":true", "-C store show vbr/first@2",
     "-C store rekey vbr/first", S_CHANGES},
    {"record", NULL, RECORD, "\"created\":true", "-C store show vbr/old", RECORD, S_CHANGES},
    {"adopt-password", NULL, ADOPT, "\"created\":true", "-C store show vbr/adopted", ADOPT,
     S_CHANGES},
    {"import", NULL, IMPORT, "\"recorded\":1", "-C store show vbr/imported", IMPORT, S_CHANGES},
    {"rewrap", NULL, "-C store rewrap vbr/first", "\"rewrapped\":1",
     "-C store show vbr/first --wraps\n?\"how\":\"rewrap\"", "-C store rewrap vbr/first",
     S_CHANGES},
    {"rehome", NULL, "-C store rehome vbr/first --to fra-main", "\"added\":1",
     "-C store show vbr/first --wraps\n?\"how\":\"rehome\"",
     "-C store rehome vbr/first --to fra-main", S_CHANGES},
    {"rehome-map", "!lines map vbr/first\tfra-main|\n", "-C store rehome --map map --yes",
     "\"added\":1", "-C store show vbr/first --wraps\n?\"how\":\"rehome\"",
     "-C store rehome --map map --yes", S_CHANGES},
    {"upkeep", NULL, "-C store upkeep", "\"rewrapped\":1",
     "-C store rewrap --stale -n\n?\"planned\":0", "-C store upkeep", S_CHANGES},
    {"wrap-add", NULL, "-C store wrap add vbr/first --root fra-main", "\"added\":1",
     "-C store show vbr/first --wraps\n?fra-main", "-C store wrap add vbr/first --root fra-main",
     S_CHANGES},
    {"wrap-retire",
     "$wrap id -C store wrap list vbr/first\n-C store wrap add vbr/first --root fra-main",
     "-C store wrap retire vbr/first {wrap} --reason R --confirm vbr/first", NULL,
     "-C store show vbr/first --wraps\n?\"retired\":true",
     "=0,6 -C store wrap retire vbr/first {wrap} --reason R --confirm vbr/first", S_CHANGES},
    {"state", NULL, "-C store state vbr/first deactivated --reason R --yes", NULL,
     "-C store show vbr/first\n?deactivated",
     "-C store state vbr/first deactivated --reason R --yes", S_CHANGES},
    {"owner", NULL, "-C store state vbr/first --owner team", NULL, "-C store show vbr/first\n?team",
     "-C store state vbr/first --owner team", S_CHANGES},
    {"sync", NULL, "-C store sync", "\"own_entries\":",
     "-C reader join --from ./usb --site unpublished --yes --offline\n-C store site "
     "list\n?\"pulled\"",
     "-C store sync", S_CHANGES},
    {"sync-second", "-C store sync", "-C second sync", NULL,
     "-C second site list\n?\"unpublished\"", "-C second sync\n-C second verify",
     S_NO_LOG | S_CHANGES},
    {"export", NULL, "-C store export vbr/first --file ./exported2", NULL, "!has exported2",
     "!rm exported2\n-C store export vbr/first --file ./exported2", S_CHANGES},
    {"copy-card-page", NULL, "-C store copy card --html card.html", "\"file\":", "!has card.html",
     "!rm card.html\n-C store copy card --html card.html", S_NO_LOG | S_CHANGES},
    {"runbook-print", NULL, "-C store runbook print total-loss --file page.html", "\"file\":", "!has page.html",
     "!rm page.html\n-C store runbook print total-loss --file page.html", S_NO_LOG | S_CHANGES},
    {"runbook-add", NULL, "-C store runbook add total-loss", "\"created\":true",
     "-C store runbook list\n?\"from\":\"log\"", "-C store runbook add total-loss", S_CHANGES},
    {"recover-start", BOOK, "-C store recover start book.md --answers answers",
     "\"state\":\"done\"", "-C store recover list\n?\"ended_at\"\n?\"small\"",
     "-C store recover start book.md --answers answers", S_CHANGES},
    {"recover-from-export", BOOK, RUN_EXPORT, "\"state\":\"done\"",
     "-C night recover list\n?\"ended_at\"\n-C night verify", RUN_EXPORT,
     S_NO_LOG | S_CHANGES},
    {"recover-resume", BOOK "\n=20 -C store --no-input recover start book.md",
     "-C store recover resume --answers answers", "\"state\":\"done\"",
     "-C store recover list\n?\"ended_at\"",
     "=0,13 -C store recover resume --answers answers", S_CHANGES},
    {"recover-blind", "!lines answers [blind]|by = colleague|typed = file:known|\n",
     "-C store recover start --drill --blind vbr/first --answers answers", "\"state\":\"done\"",
     "-C store recover list\n?\"ended_at\"\n?\"blind\"",
     "-C store recover start --drill --blind vbr/first --answers answers", S_CHANGES},
    {"recover-note",
     "=20 -C store --no-input recover start total-loss --lost fra\n$run run -C store recover list",
     "-C store recover note {run} looked", NULL, "-C store recover show {run}",
     "-C store recover note {run} looked", S_CHANGES},
    {"recover-approve", APPROVE "\n=20 -C store --no-input recover start book.md",
     "-C store recover resume --answers answers", "\"what\":\"approved\"",
     "-C store -o ndjson audit log\n?\"kind\":\"run.approved\"",
     "=0,13 -C store recover resume --answers answers", S_CHANGES},
    {"recover-countersign",
     APPROVE "\n-C store recover start book.md --alone R --answers alone\n$run run -C store "
     "recover list",
     COUNTERSIGN, "\"steps\":[\"a\"]", "-C store recover show {run}\n?\"to_countersign\":0",
     "=0,13 " COUNTERSIGN, S_CHANGES},
    {"recover-attach",
     FROM_COPY " --to file:known3 --evidence ./kept --offline\n$kept author -C kept status",
     "-C store recover attach ./kept", "\"entries\":6",
     "-C store author admit --yes {kept}\n-C store -o ndjson audit log\n?{kept}",
     "-C store recover attach ./kept", S_NO_LOG | S_CHANGES},
    {"check", NULL, "-C store check vbr/first --secret file:known", NULL, NULL,
     "-C store check vbr/first --secret file:known", 0},
    /* proof */
    {"drill", NULL, "-C store drill", "\"outcome\":\"proven\"",
     "-C store -o ndjson audit log\n?\"kind\":\"drill.result\"\n-C store show vbr/first\n"
     "?\"last_proven_site\":\"fra\"",
     "-C store drill", S_CHANGES},
    {"drill-unproven", RECORD " --no-prove", "-C store drill vbr/old", "\"outcome\":\"proven\"",
     "-C store show vbr/old\n?\"proven\":true", "-C store drill vbr/old", S_CHANGES},
    {"drill-from-copy", NULL, DRILL_COPY, "\"outcome\":\"proven\"", NULL, DRILL_COPY,
     S_NO_LOG | S_CHANGES},
    {"report-run", BOOK "\n-C store recover start book.md --answers answers",
     "-C store report run --file run.html", "\"sha256\":", "!has run.html",
     "!rm run.html\n-C store report run --file run.html", S_NO_LOG | S_CHANGES},
    {"report-run-json", BOOK "\n-C store recover start book.md --answers answers",
     "-C store report run", "\"state\":\"done\"", NULL, "-C store report run", S_NO_LOG},
    {"report-drill", "-C store drill", "-C store report drill", "\"outcome\":\"proven\"", NULL,
     "-C store report drill", S_NO_LOG},
    {"report-audit", NULL, "-C store report audit --file audit.html", "\"sha256\":",
     "!has audit.html\n-C store report verify audit.html",
     "!rm audit.html\n-C store report audit --file audit.html\n-C store report verify audit.html",
     S_NO_LOG | S_CHANGES},
    {"audit-export", NULL, "-C store audit export --format cbom --file keys.json", "\"sha256\":",
     "!has keys.json", "!rm keys.json\n-C store audit export --format cbom --file keys.json",
     S_NO_LOG | S_CHANGES},
    {"metrics", "-C store metrics --file keymuster.prom",
     "-C store metrics --file keymuster.prom --no-per-key", "\"sha256\":", "!has keymuster.prom",
     "!has keymuster.prom\n-C store metrics --file keymuster.prom", S_NO_LOG | S_CHANGES},
    /* what only reads: one answer or a typed exit, and never damage that is not there */
#define READ(name, prepare, words) {name, prepare, words, NULL, NULL, words, S_NO_LOG | S_READS}
#define READ_3(name, prepare, words)                                                               \
    {name, prepare, words, NULL, NULL, "=3 " words, S_NO_LOG | S_READS}
    READ("verify", NULL, "-C store verify"),
    READ("list", NULL, "-C store list"),
    READ("show", NULL, "-C store show vbr/first --wraps"),
    READ("status", NULL, "-C store status"),
    READ("audit-log", NULL, "-C store -o ndjson audit log"),
    {"audit-check", NULL, "-C store audit check", NULL, NULL, "=3 -C store audit check",
     S_NO_LOG | S_READS | S_LOOKS},
    READ_3("ready", NULL, "-C store ready --if-lost fra"),
    READ_3("simulate", NULL, "-C store simulate"),
    READ("report-verify", "-C store report audit --file audit.html", "-C store report verify audit.html"),
    READ("copy-list", NULL, "-C store copy list"),
    READ("root-list", NULL, "-C store root list"),
    READ_3("root-retire-check", NULL, "-C store root retire-check mad-main"),
    READ("author-list", "-C store sync", "-C store author list"),
    READ("policy-show", NULL, "-C store policy show"),
    READ("runbook-show", "-C store runbook add total-loss", "-C store runbook show total-loss"),
    READ("recover-list", BOOK "\n-C store recover start book.md --answers answers", "-C store recover list"),
    {"doctor", NULL, "-C store doctor", NULL, NULL, "-C store doctor", S_NO_LOG | S_READS | S_LOOKS},
    READ("drill-dry", NULL, "-C store drill -n"),
    READ("author-request", NULL, "-C store author request"),
    READ("kms-list", NULL, "-C store kms list"),
    READ("kms-show", NULL, "-C store kms show kp-fra"),
    {"kms-test", NULL, "-C store kms test kp-fra", NULL, NULL, "-C store kms test kp-fra", /* how long it took */
     S_NO_LOG | S_READS | S_LOOKS},
    READ_3("kms-retire-check", NULL, "-C store kms retire-check kp-mad"),
    READ("person-list", PERSON, "-C store person list"),
    READ("recover-show", BOOK "\n-C store recover start book.md --answers answers\n$run run -C store recover list",
         "-C store recover show {run}"),
    READ("runbook-check", NULL, "-C store runbook check total-loss"),
    READ("runbook-list", "-C store runbook add total-loss", "-C store runbook list"),
    READ("site-list", "-C store site lost fra --reason R --yes --confirm fra", "-C store site list"),
    READ("vbr-list", VBR, "-C store vbr list"),
    READ("wrap-list", NULL, "-C store wrap list vbr/first"),
    /* set-up */
    {"init", NULL, "-C other init --site fra", NULL, "-C other verify",
     "-other/escrow.db -C other init --site fra\n-C other verify", S_OTHER | S_NO_LOG | S_CHANGES},
    {"join", NULL, JOIN, NULL, "-C other verify", "-other/escrow.db " JOIN "\n-C other verify",
     S_OTHER | S_NO_LOG | S_CHANGES},
    {"join-spare", SPARE, JOIN " --spare spare.key --credential spare=file:fra.pass", NULL,
     "-C other verify",
     "-other/escrow.db " JOIN
     " --spare spare.key --credential spare=file:fra.pass\n-C other verify",
     S_OTHER | S_NO_LOG | S_CHANGES},
    {"site-add", NULL, "-C store site add paris --region eu-west", NULL,
     "-C store site list\n?\"paris\"",
     "=0,6 -C store site add paris --region eu-west\n"
     "-C store site list\n?\"paris\"",
     S_CHANGES},
    {"site-lost", NULL, "-C store site lost fra --reason R --yes --confirm fra", NULL,
     "-C store -o ndjson audit log\n?\"kind\":\"site.lost\"",
     "=0,6 -C store site lost fra --reason R --yes --confirm fra", S_CHANGES},
    {"policy-set", NULL, "-C store policy set copies=2 drill=30d --reason R", NULL,
     "-C store -o ndjson audit log\n?\"kind\":\"policy.changed\"",
     "-C store policy set copies=2 drill=30d --reason R", S_CHANGES},
    {"kms-events",
     "$kid id -C store root list\n"
     "!write told {\"action\":\"kms.secrets.unwrap\",\"outcome\":\"success\",\"target\":{\"id\":"
     "\"crn:v1:b:p:kms:r:a/1:i:key:{kid}\"}}\n",
     "-C store audit kms-events told", "\"duties_opened\":1", "-C store -o ndjson audit log --kind note\n?foreign_unwrap",
     "-C store audit kms-events told\n-C store -o ndjson audit log --kind note\n?foreign_unwrap", S_CHANGES},
    {"site-restored", "-C store site lost fra --reason R --yes --confirm fra",
     "-C store site restored fra --reason R --yes", NULL, NULL,
     "=0,6 -C store site restored fra --reason R --yes", S_CHANGES},
    {"kms-add", NULL, KMS_ADD, NULL, "-C store kms show kp-new\n-C store kms test kp-new",
     "=0,6 " KMS_ADD "\n-C store kms show kp-new", S_CHANGES},
    {"kms-add-file", "!rm new.kms", KMS_ADD, NULL, "-C store kms test kp-new",
     "=0,6 " KMS_ADD "\n-C store kms show kp-new", S_CHANGES},
    {"kms-set", "!mv mad.kms mad2.kms", "-C store kms set kp-mad --file mad2.kms", NULL,
     "-C store kms test kp-mad",
     "-C store kms set kp-mad --file mad2.kms\n-C store kms test kp-mad", S_NO_LOG | S_CHANGES},
    {"root-create", NULL, "-C store root create extra --kms kp-fra", NULL,
     "-C store root list\n?\"extra\"\n-C store root check extra",
     "=0,6 -C store root create extra --kms kp-fra\n-C store root list\n?\"extra\"", S_CHANGES},
    {"root-add",
     "-C second kms set kp-fra --file fra.kms --credential file:fra.pass\n"
     "-C second root create extra --kms kp-fra --offline\n$key id -C second root list",
     "-C store root add again --kms kp-fra --key {key}", NULL, "-C store root list\n?\"again\"",
     "=0,6 -C store root add again --kms kp-fra --key {key}", S_CHANGES},
    {"root-check", "-C store root disable fra-main --yes\n-C second sync\n-C second kms set kp-fra --file fra.kms "
     "--credential file:fra.pass\n-C second root enable fra-main --offline",
     "-C store root check", NULL, NULL, /* it ends 0 also when a KMS cannot be asked */
     "-C store root check\n-C store root check fra-main\n?\"former_state\":\"active\"", 0},
    {"root-rotate", NULL, "-C store root rotate mad-main", NULL, "-C store root check mad-main",
     "-C store root rotate mad-main", S_CHANGES},
    {"root-disable", NULL, "-C store root disable fra-main --yes", NULL,
     "-C store root list\n?\"suspended\"",
     "=0,14 -C store root disable fra-main --yes\n-C store root list", S_CHANGES},
    {"root-enable", "-C store root disable fra-main --yes", "-C store root enable fra-main", NULL,
     "-C store root check fra-main", "=0,14 -C store root enable fra-main\n-C store root list",
     S_CHANGES},
    {"root-destroy", NULL, "-C store root destroy fra-main --confirm fra-main", NULL,
     "-C store root list\n?\"destroyed\"",
     "=0,14 -C store root destroy fra-main --confirm fra-main\n-C store root list", S_CHANGES},
    {"root-restore", "-C store root destroy fra-main --confirm fra-main",
     "-C store root restore fra-main", NULL, "-C store root check fra-main",
     "=0,14,1 -C store root restore fra-main\n-C store root list", S_CHANGES},
    {"copy-add", NULL, "-C store copy add third ./usb2 --site fra", NULL,
     "-C store copy list\n?\"third\"\n-C store sync third\n-C store copy check third",
     "=0,6 -C store copy add third ./usb2 --site fra\n-C store copy set third ./usb2\n-C store "
     "sync third",
     S_CHANGES},
    {"copy-set", NULL, "-C second copy set usb ./usb", NULL, "-C second copy check usb",
     "-C second copy set usb ./usb\n-C second copy check usb", S_NO_LOG},
    {"copy-check", NULL, "-C store copy check --deep", "\"verified\":true", NULL,
     "-C store copy check --deep", S_NO_LOG},
    {"repair", "!damage usb/escrow.json\n!damage usb/log/{own}\n!damage usb/head/{own}",
     "-C store sync --repair --yes usb", "!\"repaired\":false",
     "-C store copy check --deep\n!has usb/damaged", "-C store sync --repair --yes usb",
     S_DAMAGED | S_CHANGES},
    /* backup servers, as far as nobody asks them; the rest is tests/fault/vbr.sh */
    {"vbr-add", "!write login user:canary-login", VBR_ADD, NULL, "-C store vbr list\n?\"bound\":true",
     "=0,6 " VBR_ADD "\n-C store vbr set " SERVER "\n-C store vbr list\n?\"bound\":true", S_CHANGES},
    {"vbr-set", VBR "-C store sync\n-C second sync", "-C second vbr set " SERVER, NULL,
     "-C second vbr list\n?\"bound\":true", "-C second vbr set " SERVER "\n-C second vbr list\n?\"bound\":true",
     S_NO_LOG | S_CHANGES},
    {"vbr-delivered", VBR, VBR_DELIVERED, NULL, "-C store -o ndjson audit log\n?\"kind\":\"key.delivered\"",
     VBR_DELIVERED, S_CHANGES},
    {"vbr-adopt", VBR, VBR_ADOPT, "\"name\":\"vbr/imported\"", "-C store show vbr/imported", "=0,3 " VBR_ADOPT,
     S_CHANGES},
    {"vbr-reconcile", VBR VBR_DELIVERED, "-C store vbr reconcile server --file list.json", "\"verdict\":\"gone\"",
     NULL, "=3 -C store vbr reconcile server --file list.json", 0},
    /* authors */
    {"author-admit", "-C third join --from ./usb --site fra --yes\n$third author -C third status",
     "-C store author admit --yes {third}", NULL, "-C store author list\n?{third}",
     "-C store author admit --yes {third}", S_CHANGES},
    {"author-trust",
     "-C third join --from ./usb --site fra --yes\n$third author -C third status\n"
     "-C store sync",
     "-C store author trust {third}", NULL, "-C store author list\n?{third}",
     "-C store author trust {third}", S_NO_LOG | S_CHANGES},
    {"author-block", "-C store sync", "-C store author block {second}", NULL,
     "-C store author list\n?{second}", "-C store author block {second}", S_NO_LOG | S_CHANGES},
    {"author-cut", "-C store sync", "-C store author block {second} --last 1", NULL,
     "-C store author list\n?\"last_here\":1", "-C store author block {second} --last 1",
     S_NO_LOG | S_CHANGES},
    {"author-retire", "-C store sync",
     "-C store author retire {second} --reason R --confirm {second}", NULL,
     "-C store author list\n?\"retired\":true",
     "-C store author retire {second} --reason R --confirm {second}", S_CHANGES},
    {"author-renew", NULL, "-C store author renew --yes",
     "\"former\":", "-C store author list\n?\"retired\":true",
     "-C store site add after\n!none store/author.key.new\n-C store sync\n"
     "-C reader2 join --from ./usb --site after --yes --offline\n-C store author renew --yes\n"
     "!none store/author.key.new",
     S_CHANGES},
    {"author-spare", NULL, SPARE, "\"standing\":\"spare\"",
     "-C store sync\n-C reader join --from ./usb --site mad --yes --spare spare.key --credential "
     "spare=file:fra.pass",
     "!mv spare.key used.key\n" SPARE, S_CHANGES},
    {"author-adopt",
     "$theirs entry -C second state vbr/first --owner theirs\n-C store sync\n-C store author block "
     "{second}",
     "-C store author adopt {theirs} --yes", NULL, "-C store show vbr/first\n?\"theirs\"",
     "=0,6 -C store author adopt {theirs} --yes\n-C store show vbr/first\n?\"theirs\"", S_CHANGES},
    /* persons */
    {"person-add", NULL, PERSON " --role operator", "\"created\":true",
     "-C store person list\n?\"first.operator\"", PERSON " --role operator", S_CHANGES},
    {"person-key", NULL, PERSON " --new-key person.key --credential file:fra.pass",
     "\"created\":true", "-C store person list\n?\"public_key\"\n!has person.key",
     PERSON "\n!rm person.key", S_CHANGES},
    {"person-set", PERSON, "-C store person set first.operator --role guard", "\"changed\":true",
     "-C store person list\n?\"guard\"", "-C store person set first.operator --role guard",
     S_CHANGES},
    {"person-left", PERSON, "-C store person left first.operator --reason R", "\"changed\":true",
     "-C store person list\n?\"left\"",
     "-C store person left first.operator\n-C store person list\n?\"left\"", S_CHANGES},
    {"audit-who",
     PERSON "\n-C store reveal vbr/first --reason known --as first.operator --to file:known2",
     "-C store audit who first.operator", "\"saw\"", NULL, "-C store audit who first.operator", 0},
    /* a secret comes out */
    {"reveal-file", NULL, REVEAL " --to file:secret", NULL, SHOWN_HERE,
     "!rm secret\n" REVEAL " --to file:secret", S_SHOWS | S_FILE | S_CHANGES},
    {"reveal-until", NULL, REVEAL " --until 2999-01-01 --to file:secret", NULL, SHOWN_HERE,
     "!rm secret\n" REVEAL " --until 2999-01-01 --to file:secret", S_SHOWS | S_FILE | S_CHANGES},
    {"reveal-stdout", NULL, REVEAL " --to -", NULL, SHOWN_HERE, REVEAL " --to -",
     S_SHOWS | S_CHANGES},
    {"reveal-screen", NULL, REVEAL, NULL, SHOWN_HERE, REVEAL " --to -",
     S_SHOWS | S_TTY | S_CHANGES},
    {"reveal-from-copy", NULL, FROM_COPY " --to file:secret", NULL, NULL,
     "!rm secret\n" FROM_COPY " --to file:secret", S_SHOWS | S_FILE | S_NO_LOG | S_CHANGES},
    {"reveal-from-export", NULL, FROM_EXPORT " --to file:secret", NULL, NULL,
     "!rm secret\n" FROM_EXPORT " --to file:secret", S_SHOWS | S_FILE | S_NO_LOG | S_CHANGES},
    {"reveal-export-screen", NULL, FROM_EXPORT, NULL, NULL, FROM_EXPORT " --to -",
     S_SHOWS | S_TTY | S_NO_LOG | S_CHANGES},
    {"exec-stdin", NULL, EXEC " --stdin -- tee secret", NULL, SHOWN_HERE,
     EXEC " --stdin -- tee secret", S_SHOWS | S_FILE | S_CHANGES},
    {"exec-fd", NULL, EXEC " --fd 5 -- cp /dev/fd/5 secret", NULL, SHOWN_HERE,
     EXEC " --fd 5 -- cp /dev/fd/5 secret", S_SHOWS | S_FILE | S_CHANGES},
    {"exec-env", NULL, EXEC " --env PW -- printenv PW", NULL, SHOWN_HERE,
     EXEC " --env PW -- printenv PW", S_SHOWS | S_CHANGES},
    {"exec-tmpfile", NULL, EXEC " --tmpfile -- cp {} secret", NULL, SHOWN_HERE,
     EXEC " --tmpfile -- cp {} secret", S_SHOWS | S_FILE | S_CHANGES},
    {"exec-template", "!write answer <a b='{{secret}}'/>",
     EXEC " --template answer -- cp {} secret", NULL, SHOWN_HERE,
     EXEC " --template answer -- cp {} secret", S_SHOWS | S_FILE | S_CHANGES},
    {NULL, NULL, NULL, NULL, NULL, NULL, 0},
};
