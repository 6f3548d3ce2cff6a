/* policy show|set: what the escrow asks of its keys and of who uses them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/policy.h"
#include "text/uni.h"

/* ---- show ---- */

struct shown {
    struct ctx *ctx;
    struct jw *w;
    struct table *table;
    struct policy policy;
};

/* Whether the log says something of it now, that is not taken back. */
static enum rc
is_set(const struct store *store, const char *field, int *yes, int *conflict, struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(store, "policy", field, &v, conflict, err);
    *yes = rc == RC_OK && v.len > 0 && strcmp(buf_str(&v), "null") != 0;
    buf_release(&v);
    return rc;
}

static enum rc
show_one(struct shown *s, enum policy_rule rule, const char *purpose, struct err *err)
{
    char field[64], value[POLICY_TEXT];
    int set = 0;
    int conflict = 0;
    (void)snprintf(field, sizeof field, "%s.%s", policy_rule_name(rule), purpose);
    policy_value_text(value, rule, policy_of(&s->policy, rule, purpose));
    enum rc rc = is_set(s->ctx->store, field, &set, &conflict, err);
    int own = set;
    if (rc == RC_OK && !set)
        rc = is_set(s->ctx->store, policy_rule_name(rule), &set, &conflict, err);
    if (rc != RC_OK)
        return rc;
    const char *from = conflict ? "CONFLICT" : own ? "set" : set ? "set for all" : "default";
    if (s->w != NULL) {
        jw_obj(s->w, NULL);
        jw_str(s->w, "rule", policy_rule_name(rule));
        jw_str(s->w, "purpose", purpose);
        jw_str(s->w, "value", value);
        jw_str(s->w, "from", conflict ? "conflict" : from);
        jw_end_obj(s->w);
        return RC_OK;
    }
    const char *const cells[] = {policy_rule_name(rule), purpose, value, from};
    return cmd_table_row(s->table, cells, 4, err);
}

/* One line for a rule that says the same of all purposes. */
static enum rc
show_rule(struct shown *s, enum policy_rule rule, struct err *err)
{
    const int64_t *v = s->policy.value[rule];
    char field[64];
    enum rc rc = RC_OK;
    int set = 0;
    int conflict = 0;
    int same = s->w == NULL;
    for (size_t p = 0; rc == RC_OK && same && p < POLICY_PURPOSES; p++) {
        (void)snprintf(field, sizeof field, "%s.%s", policy_rule_name(rule), policy_purpose(p));
        rc = is_set(s->ctx->store, field, &set, &conflict, err);
        same = v[p] == v[0] && !set;
    }
    if (rc == RC_OK && same) {
        char value[POLICY_TEXT];
        rc = is_set(s->ctx->store, policy_rule_name(rule), &set, &conflict, err);
        policy_value_text(value, rule, v[0]);
        const char *const cells[] = {policy_rule_name(rule), "all", value,
                                     conflict ? "CONFLICT"
                                     : set    ? "set"
                                              : "default"};
        return rc == RC_OK ? cmd_table_row(s->table, cells, 4, err) : rc;
    }
    for (size_t p = 0; rc == RC_OK && p < POLICY_PURPOSES; p++)
        rc = show_one(s, rule, policy_purpose(p), err);
    return rc;
}

static enum rc
run_policy_show(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"RULE", "PURPOSE", "VALUE", "FROM", NULL};
    struct shown s = {.ctx = ctx};
    struct buf doc = {0};
    struct jw w;
    enum rc rc = policy_load(&s.policy, ctx->store, err);
    if (rc == RC_OK && out_is_json(ctx)) {
        session_answer(&doc, &w, "policy.show");
        jw_arr(&w, "rules");
        s.w = &w;
    } else if (rc == RC_OK) {
        rc = cmd_table_new(&s.table, ctx, titles, err);
    }
    for (size_t r = 0; rc == RC_OK && r < POLICY_RULES; r++)
        rc = show_rule(&s, (enum policy_rule)r, err);
    if (rc == RC_OK && s.w != NULL) {
        jw_end_arr(&w);
        jw_int(&w, "not_understood", s.policy.not_understood);
        rc = conflict_show(ctx, "policy", "policy", "the policy", &w, err);
        jw_end_obj(&w);
        if (rc == RC_OK)
            rc = out_json(ctx, &doc, err);
    } else if (rc == RC_OK) {
        rc = table_print(s.table, &ctx->out, err);
        if (rc == RC_OK)
            rc = conflict_show(ctx, "policy", "policy", "the policy", NULL, err);
    }
    if (rc == RC_OK && s.policy.not_understood > 0)
        out_warn(ctx, "%lld rules in the log are not understood by this version",
                 (long long)s.policy.not_understood);
    table_free(s.table);
    buf_release(&doc);
    return rc;
}

/* ---- set ---- */

static enum rc
write_body(struct ctx *ctx, const struct policy_setting *set, size_t count, struct buf *body,
           struct err *err)
{
    struct jw w;
    enum rc rc = RC_OK;
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_obj(&w, "set");
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        jw_obj(&w, set[i].field);
        jw_raw(&w, "value", set[i].json, strlen(set[i].json));
        jw_str(&w, "reason", ctx->reason);
        jw_opt(&w, "ticket", ctx->ticket);
        rc = field_supersedes(ctx->store, "policy", set[i].field, &w, err);
        jw_end_obj(&w);
    }
    jw_end_obj(&w);
    jw_end_obj(&w);
    return rc;
}

static enum rc
read_settings(struct ctx *ctx, struct policy_setting *set, struct err *err)
{
    for (size_t i = 0; i < ctx->opts.arg_count; i++) {
        enum rc rc = policy_setting(&set[i], opt_arg(&ctx->opts, i), err);
        if (rc != RC_OK)
            return rc;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(set[i].field, set[j].field) == 0)
                return err_set(err, RC_USAGE, "policy set: %s is given twice", set[i].field);
        }
    }
    if (ctx->reason == NULL)
        return err_set(err, RC_NO_REASON, "policy set: --reason is missing");
    return text_check(ctx->reason, "--reason", err);
}

static enum rc
answer(struct ctx *ctx, const struct policy_setting *set, size_t count, struct err *err)
{
    if (!out_is_json(ctx)) {
        for (size_t i = 0; i < count; i++)
            out_printf(ctx, "%s%s of %s keys: %s\n", ctx->dry_run ? "would be " : "",
                       policy_rule_name(set[i].rule),
                       set[i].purpose != NULL ? set[i].purpose : "all",
                       strcmp(set[i].json, "null") == 0 ? "the default" : set[i].json);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "policy.set");
    jw_obj(&w, "set");
    for (size_t i = 0; i < count; i++)
        jw_raw(&w, set[i].field, set[i].json, strlen(set[i].json));
    jw_end_obj(&w);
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_policy_set(struct ctx *ctx, struct err *err)
{
    size_t count = ctx->opts.arg_count;
    struct policy_setting *set = calloc(count, sizeof *set);
    struct buf body;
    if (set == NULL)
        return err_nomem(err);
    buf_init(&body, LIMIT_BODY);
    enum rc rc = read_settings(ctx, set, err);
    if (rc == RC_OK)
        rc = write_body(ctx, set, count, &body, err);
    if (rc == RC_OK)
        rc = session_record(ctx, "policy.changed", &body, NULL, err);
    if (rc == RC_OK)
        rc = answer(ctx, set, count, err);
    buf_release(&body);
    free(set);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

const struct cmd cmd_policy_table[] = {
    {"policy", "show", "", "Shows what the escrow asks of its keys, and by what right.", NULL, 0, 0,
     CMD_READ, GROUP_SET_UP, run_policy_show, NULL},
    {"policy", "set", "[PURPOSE.]RULE=VALUE... --reason TEXT",
     "Sets rules for all sites: wraps, copies, max-age, rewrap, drill and others.", NULL, 1, -1,
     CMD_WRITE, GROUP_SET_UP, run_policy_set,
     "keymuster policy set copies=2 drill=30d --reason \"audit 2026\"\n"
     "keymuster policy set config-backup.wraps=2 --reason \"two clouds\"\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
