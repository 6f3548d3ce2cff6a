/* Runbooks: whatever is in one, its findings stand at lines of it, its texts fit their width, the
 * page has no more tags than ours, and it is the same read twice. */
#include "fuzz.h"

#include "recover/runbook.h"
#include "report/runbook_page.h"
#include "text/diff.h"
#include "text/flow.h"

static void
check_findings(const struct runbook *r, int lines)
{
    size_t severe = 0;
    for (size_t i = 0; i < r->finding_count; i++) {
        FUZZ_CHECK(r->findings[i].line >= 0 && r->findings[i].line <= lines + 1);
        FUZZ_CHECK(r->findings[i].text[0] != '\0');
        FUZZ_CHECK(i == 0 || r->findings[i - 1].line <= r->findings[i].line);
        severe += r->findings[i].severe != 0;
    }
    FUZZ_CHECK(severe == r->severe);
}

static void
check_step(const struct runbook *r, const struct step *s)
{
    struct buf shown;
    FUZZ_CHECK(s->title != NULL && s->why != NULL && s->todo != NULL && s->expect != NULL);
    FUZZ_CHECK(r->severe > 0 || (s->kind != STEP_NONE && s->id[0] != '\0'));
    FUZZ_CHECK(r->severe > 0 || s->kind == STEP_NOTE || s->fails[0] != '\0');
    FUZZ_CHECK(s->field_count <= RUNBOOK_FIELDS);
    buf_init(&shown, 16 * RUNBOOK_TEXT);
    flow_lines(&shown, s->todo, 2, 40);
    FUZZ_CHECK(shown.len > 0 || s->todo[0] == '\0');
    buf_release(&shown);
}

static void
check_page(const struct runbook *r)
{
    struct buf page;
    struct err err = ERR_INIT;
    buf_init(&page, 1 << 24);
    FUZZ_CHECK(runbook_page(&page, r, "2026-01-01", &err) == RC_OK);
    FUZZ_CHECK(strstr(buf_str(&page), "<script") == NULL);
    FUZZ_CHECK(strstr(buf_str(&page), "javascript:") == NULL || strstr(r->text, "javascript:"));
    buf_release(&page);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct runbook *r = NULL;
    struct runbook *again = NULL;
    struct buf diff;
    struct err err = ERR_INIT;
    int lines = 1;
    enum rc rc = runbook_read(&r, bytes, len, "input", &err);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_CONFIG, &err, r);
        return;
    }
    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n' || bytes[i] == '\r';
    check_findings(r, lines);
    for (size_t i = 0; i < r->count; i++)
        check_step(r, &r->steps[i]);
    if (r->severe == 0)
        check_page(r);
    FUZZ_CHECK(runbook_read(&again, r->text, r->len, "input", &err) == RC_OK);
    FUZZ_CHECK(strcmp(again->sha256, r->sha256) == 0 && again->finding_count == r->finding_count);
    buf_init(&diff, 1 << 24);
    FUZZ_CHECK(diff_lines(&diff, r->text, again->text, &err) == RC_OK && diff.len == 0);
    FUZZ_CHECK(diff_lines(&diff, r->text, "another\n", &err) == RC_OK && diff.len > 0);
    buf_release(&diff);
    FUZZ_PLANT(r->review[0] != '\0' && r->rto_ms == 0);
    runbook_free(again);
    runbook_free(r);
}
