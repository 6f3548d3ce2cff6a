/*
 * What a monitoring system watches: Prometheus' text format 0.0.4, for node_exporter's textfile
 * collector. No time stamps in the lines (the collector refuses them), times as gauges in seconds,
 * nothing secret, no free text but names.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/audit.h"
#include "text/time.h"

static void
family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value; only these three marks mean anything in it. */
static void
put_label(struct buf *out, const char *name, const char *value, int first)
{
    buf_addf(out, "%s%s=\"", first ? "{" : ",", name);
    for (const char *c = value != NULL ? value : ""; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"')
            buf_addc(out, '\\');
        if (*c == '\n')
            buf_adds(out, "\\n");
        else
            buf_addc(out, *c);
    }
    buf_addc(out, '"');
}

static void
one(struct buf *out, const char *name, const char *type, const char *help, int64_t value)
{
    family(out, name, type, help);
    buf_addf(out, "%s %" PRId64 "\n", name, value);
}

static void
seconds(struct buf *out, int64_t ms)
{
    buf_addf(out, " %" PRId64 ".%03d\n", ms / 1000, (int)(ms % 1000));
}

static void
one_time(struct buf *out, const char *name, const char *help, int64_t ms)
{
    if (ms <= 0)
        return;
    family(out, name, "gauge", help);
    buf_adds(out, name);
    seconds(out, ms);
}

static void
put_counts(struct buf *out, const struct audit *a)
{
    const struct {
        const char *what;
        int64_t n;
    } open[] = {{"no_usable_wrap", a->lost},
                {"no_wrap_elsewhere", a->homebound},
                {"drill_failed", a->failing},
                {"drill_due", a->due},
                {"not_released", a->unreleased},
                {"exposed", a->exposed},
                {"debt", a->owing},
                {"conflict", a->conflicts},
                {"behind", a->behind},
                {"unconfirmed", a->unconfirmed},
                {"no_check_value", a->unproven}};
    family(out, "keymuster_build_info", "gauge", "Always 1; the version is a label.");
    buf_adds(out, "keymuster_build_info");
    put_label(out, "version", a->version, 1);
    buf_adds(out, "} 1\n");
    family(out, "keymuster_keys", "gauge", "Keys by state (NIST SP 800-57).");
    for (size_t i = 0; i < AUDIT_STATES; i++) {
        int64_t n = 0;
        for (size_t p = 0; p <= AUDIT_PURPOSES; p++)
            n += a->states[i][p];
        buf_addf(out, "keymuster_keys{state=\"%s\"} %" PRId64 "\n", audit_states[i], n);
    }
    one(out, "keymuster_keys_needed", "gauge", "Keys that may still have to be got back.",
        a->wanted);
    family(out, "keymuster_keys_open", "gauge", "Keys with something open, by what it is.");
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        buf_addf(out, "keymuster_keys_open{what=\"%s\"} %" PRId64 "\n", open[i].what, open[i].n);
    family(out, "keymuster_findings", "gauge", "Findings of audit check, by severity.");
    for (size_t i = 0; i < FINDING_SEVERITIES; i++)
        buf_addf(out, "keymuster_findings{severity=\"%s\"} %" PRId64 "\n",
                 finding_severity_name((enum finding_severity)i), a->findings[i].total);
    one(out, "keymuster_reveals_total", "counter", "Values shown to somebody.", a->reveals);
    one(out, "keymuster_log_entries", "gauge", "Entries that count, of all authors.",
        a->chain.entries);
}

static void
put_drills(struct buf *out, const struct audit *a)
{
    one(out, "keymuster_drills_total", "counter", "Drills recorded.", a->drills);
    one_time(out, "keymuster_drill_last_timestamp_seconds", "When the newest drill began.",
             a->drilled_at);
    one_time(out, "keymuster_drill_last_success_timestamp_seconds",
             "When the newest drill began that proved everything it tried.", a->proven_at);
    if (a->rto_ms >= 0) {
        family(out, "keymuster_drill_rto_seconds", "gauge",
               "From the start of the newest drill to its last key that was right.");
        buf_adds(out, "keymuster_drill_rto_seconds");
        seconds(out, a->rto_ms);
    }
    if (a->rpo_ms >= 0) {
        family(out, "keymuster_drill_rpo_seconds", "gauge",
               "How far the copy was behind what was known, in the newest drill that says so.");
        buf_adds(out, "keymuster_drill_rpo_seconds");
        seconds(out, a->rpo_ms);
    }
}

/* ---- root keys and copies ---- */

static const char *
cell_of(const struct audit_list *l, size_t line, const char *name)
{
    for (size_t c = 0; l->columns[c].name != NULL; c++) {
        if (strcmp(l->columns[c].name, name) == 0)
            return l->lines[line].cells[c];
    }
    return NULL;
}

/* A number of a list as a family, one line for each row that has it; what and uuid are labels. */
static void
put_cells(struct buf *out, const struct audit_list *l, const char *what, const char *cell,
          const char *name, const char *help)
{
    family(out, name, "gauge", help);
    for (size_t i = 0; i < l->count; i++) {
        const char *value = cell_of(l, i, cell);
        int64_t at = 0;
        if (value == NULL)
            continue;
        buf_adds(out, name);
        put_label(out, what, cell_of(l, i, what), 1);
        put_label(out, "site", cell_of(l, i, "site"), 0);
        put_label(out, "uuid", cell_of(l, i, "uuid"), 0);
        buf_addc(out, '}');
        if (time_parse(&at, value) == 0)
            seconds(out, at);
        else if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
            buf_addf(out, " %d\n", value[0] == 'y');
        else
            buf_addf(out, " %s\n", value);
    }
}

static void
put_root_states(struct buf *out, const struct audit_list *l)
{
    static const char *const states[] = {"pre-activation", "active",    "suspended",
                                         "deactivated",    "destroyed", "not known"};
    family(out, "keymuster_root_state", "gauge", "1 for the state of the root key, else 0.");
    for (size_t i = 0; i < l->count; i++) {
        const char *state = cell_of(l, i, "state");
        for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
            buf_adds(out, "keymuster_root_state");
            put_label(out, "root", cell_of(l, i, "root"), 1);
            put_label(out, "site", cell_of(l, i, "site"), 0);
            put_label(out, "state", states[s], 0);
            put_label(out, "uuid", cell_of(l, i, "uuid"), 0);
            buf_addf(out, "} %d\n", state != NULL && strcmp(state, states[s]) == 0);
        }
    }
}

static void
put_things(struct buf *out, const struct audit *a)
{
    put_root_states(out, &a->roots);
    put_cells(out, &a->roots, "root", "keys", "keymuster_root_keys",
              "Keys with a wrap under the root key.");
    put_cells(out, &a->roots, "root", "behind", "keymuster_root_keys_behind",
              "Keys with wraps under older versions of the root key only.");
    put_cells(out, &a->roots, "root", "restore_until",
              "keymuster_root_restore_deadline_timestamp_seconds",
              "Until when a destroyed root key can be restored.");
    put_cells(out, &a->copies, "copy", "reached_at", "keymuster_copy_reached_timestamp_seconds",
              "When the copy was last reached from here.");
    put_cells(out, &a->copies, "copy", "missing", "keymuster_copy_missing_entries",
              "Entries of this store that the copy lacks.");
    put_cells(out, &a->copies, "copy", "overdue", "keymuster_copy_overdue",
              "1 when the copy was not reached for longer than it is set to be.");
}

/* ---- for each key ---- */

struct walking {
    struct sealed *out;
    const char *name;
    int expiry;
};

static enum rc
put_key(void *arg, const struct inventory_item *i, struct err *err)
{
    struct walking *w = arg;
    struct buf *out = &w->out->out;
    char generation[24];
    int64_t expires = w->expiry ? inventory_time(i, INV_EXPIRES) : 0;
    if (strcmp(i->key.state, "destroyed") == 0 || (w->expiry && expires == 0))
        return RC_OK;
    (void)snprintf(generation, sizeof generation, "%" PRId64, i->key.generation);
    buf_adds(out, w->name);
    put_label(out, "key", i->key.name, 1);
    put_label(out, "generation", generation, 0);
    put_label(out, "uuid", i->key.uuid, 0);
    buf_addc(out, '}');
    if (w->expiry)
        seconds(out, expires);
    else
        buf_addf(out, " %" PRId64 "\n", i->behind);
    return sealed_flow(w->out, err);
}

static enum rc
put_keys(struct sealed *out, const struct audit *a, const char *name, const char *help, int expiry,
         struct err *err)
{
    struct walking w = {out, name, expiry};
    struct inventory *inv = NULL;
    const struct inventory_filter all = {.only = 0};
    family(&out->out, name, "gauge", help);
    enum rc rc = inventory_open(&inv, a->store, INV_FIELDS | INV_WRAPS, err);
    if (rc == RC_OK)
        rc = inventory_each(inv, &all, INV_BY_NAME, 0, put_key, &w, err);
    inventory_close(inv);
    return rc;
}

enum rc
audit_metrics(struct sealed *out, const struct audit *a, int per_key, struct err *err)
{
    put_counts(&out->out, a);
    put_drills(&out->out, a);
    put_things(&out->out, a);
    if (!per_key)
        return RC_OK;
    enum rc rc =
        put_keys(out, a, "keymuster_key_expiry_timestamp_seconds", "When the key expires.", 1, err);
    if (rc == RC_OK)
        rc = put_keys(out, a, "keymuster_key_wraps_behind",
                      "Root keys that the key lies under by older versions only.", 0, err);
    return rc;
}
