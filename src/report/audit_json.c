/* The audit report for programs: one object. */
#include <stdio.h>
#include <string.h>

#include "report/audit.h"

static void
put_cell(struct jw *w, const struct audit_column *column, const char *cell)
{
    if (column->kind == AUDIT_INT || column->kind == AUDIT_MS) {
        if (cell != NULL)
            jw_raw(w, column->name, cell, strlen(cell));
        return;
    }
    if (column->kind == AUDIT_YES)
        jw_bool(w, column->name, cell != NULL && cell[0] != '\0' && strcmp(cell, "no") != 0);
    else
        jw_opt(w, column->name, cell);
}

static void
put_list(struct jw *w, const char *name, const struct audit_list *l)
{
    jw_arr(w, name);
    for (size_t i = 0; i < l->count; i++) {
        jw_obj(w, NULL);
        for (size_t c = 0; l->columns[c].name != NULL; c++)
            put_cell(w, &l->columns[c], l->lines[i].cells[c]);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void
put_head(struct jw *w, const struct audit *a)
{
    int good = 0;
    struct buf verdict;
    buf_init(&verdict, 8192);
    audit_verdict(&verdict, a, &good);
    jw_str(w, "schema", "keymuster.report.audit/1");
    jw_obj(w, "escrow");
    jw_str(w, "id", a->store->escrow);
    jw_str(w, "name", a->store->name);
    jw_end_obj(w);
    jw_str(w, "as_of", a->as_of);
    jw_str(w, "made_by", a->version);
    jw_str(w, "author", a->store->self.author);
    jw_opt(w, "site", a->site);
    jw_str(w, "verdict", buf_str(&verdict));
    jw_bool(w, "good", good);
    buf_release(&verdict);
}

static void
put_counts(struct jw *w, const struct audit *a)
{
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {{"keys", a->keys},
                  {"active", a->active},
                  {"wanted", a->wanted},
                  {"without_usable_wrap", a->lost},
                  {"without_wrap_elsewhere", a->homebound},
                  {"drill_due", a->due},
                  {"never_proven", a->never},
                  {"drill_failing", a->failing},
                  {"not_released", a->unreleased},
                  {"unconfirmed", a->unconfirmed},
                  {"without_check_value", a->unproven},
                  {"behind", a->behind},
                  {"exposed", a->exposed},
                  {"owing", a->owing},
                  {"conflicts", a->conflicts},
                  {"copies_overdue", a->copies_late},
                  {"copies_contradicting", a->copies_contradicting},
                  {"values_shown", a->reveals},
                  {"drills", a->drills},
                  {"drills_all_proven", a->drills_good},
                  {"entries", a->chain.entries}};
    jw_obj(w, "counts");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        jw_int(w, counts[i].name, counts[i].n);
    jw_end_obj(w);
    jw_obj(w, "states");
    for (size_t i = 0; i < AUDIT_STATES; i++) {
        jw_obj(w, audit_states[i]);
        for (size_t p = 0; p <= AUDIT_PURPOSES; p++) {
            if (a->states[i][p] > 0)
                jw_int(w, audit_purposes[p], a->states[i][p]);
        }
        jw_end_obj(w);
    }
    jw_end_obj(w);
    jw_obj(w, "cryptoperiod_passed");
    for (size_t i = 0; i < AUDIT_AGES; i++)
        jw_int(w, audit_ages[i], a->ages[i]);
    jw_end_obj(w);
}

static void
put_chain(struct jw *w, const struct audit *a)
{
    jw_arr(w, "chain");
    for (size_t i = 0; i < a->chain.count; i++) {
        const struct chain_point *p = &a->chain.points[i];
        jw_obj(w, NULL);
        jw_str(w, "author", p->author);
        jw_opt(w, "name", p->name);
        jw_opt(w, "site", p->site);
        jw_int(w, "entries", p->entries);
        jw_str(w, "last", p->last);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void
put_findings(struct jw *w, const struct audit *a)
{
    jw_obj(w, "findings");
    for (size_t i = FINDING_SEVERITIES; i-- > 0;) {
        const char *name = finding_severity_name((enum finding_severity)i);
        char count[32];
        (void)snprintf(count, sizeof count, "%s_count", name);
        jw_int(w, count, a->findings[i].total);
        put_list(w, name, &a->findings[i]);
    }
    jw_end_obj(w);
    jw_obj(w, "policy");
    for (size_t r = 0; r < POLICY_RULES; r++) {
        jw_obj(w, policy_rule_name(r));
        for (size_t p = 0; p < POLICY_PURPOSES; p++) {
            char value[POLICY_TEXT];
            policy_value_text(value, (enum policy_rule)r, a->policy.value[r][p]);
            jw_str(w, policy_purpose(p), value);
        }
        jw_end_obj(w);
    }
    jw_end_obj(w);
}

enum rc
audit_json(struct sealed *out, const struct audit *a, struct err *err)
{
    struct jw w;
    jw_init(&w, &out->out);
    jw_obj(&w, NULL);
    put_head(&w, a);
    put_counts(&w, a);
    put_chain(&w, a);
    jw_obj(&w, "changes");
    jw_str(&w, "since", a->since);
    jw_bool(&w, "since_report", a->since_chain != NULL);
    put_list(&w, "counted", &a->changed);
    put_list(&w, "entries", &a->changes);
    jw_end_obj(&w);
    put_list(&w, "roots", &a->roots);
    put_list(&w, "sites", &a->sites);
    put_list(&w, "copies", &a->copies);
    put_list(&w, "contradictions", &a->contradictions);
    put_list(&w, "drills", &a->drilled);
    put_findings(&w, a);
    put_list(&w, "open", &a->open);
    put_list(&w, "showings", &a->revealed);
    put_list(&w, "duties", &a->duties);
    put_list(&w, "debts", &a->debts);
    audit_map_json(&w);
    enum rc rc = sealed_flow(out, err);
    if (rc == RC_OK)
        rc = audit_register_json(out, &w, a, err);
    jw_end_obj(&w);
    buf_addc(&out->out, '\n');
    return rc;
}
