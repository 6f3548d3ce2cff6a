#include "cli/audit/list_print.h"

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"

/* Rows that are held at once: the columns of a table are as wide as its widest cell. */
enum { TABLE_ROWS = 4096, COLUMNS_MOST = 64 };

struct cells {
    struct list_print *p;
    int first;
};

static enum rc
begin_table(struct list_print *p, struct err *err)
{
    static const char *const none[] = {NULL};
    enum rc rc = cmd_table_new(&p->table, p->ctx, none, err);
    for (const struct list_field *f = list_fields; rc == RC_OK && f->name != NULL; f++) {
        if (list_fields_want(p->ctx, f))
            rc = table_column(p->table, f->title, 0, err);
    }
    p->in_table = 0;
    return rc;
}

static enum rc
end_table(struct list_print *p, struct err *err)
{
    if (p->rows > p->in_table && p->in_table > 0)
        out_printf(p->ctx, "\n");
    enum rc rc = table_print(p->table, &p->ctx->out, err);
    table_free(p->table);
    p->table = NULL;
    return rc;
}

enum rc
list_print_begin(struct list_print *p, struct err *err)
{
    int first = 1;
    if (p->ctx->format == OUT_TEXT)
        return begin_table(p, err);
    if (p->ctx->format == OUT_JSON) {
        session_answer(&p->doc, &p->w, "list");
        jw_opt(&p->w, "until", p->ctx->until);
        jw_arr(&p->w, "keys");
    }
    if (p->ctx->format != OUT_CSV)
        return RC_OK;
    for (const struct list_field *f = list_fields; f->name != NULL; f++) {
        if (list_fields_want(p->ctx, f)) {
            out_csv(p->ctx, first, f->name);
            first = 0;
        }
    }
    return out_csv_end(p->ctx, err);
}

static enum rc
put_cell(void *arg, const struct list_field *field, const struct list_value *v, struct err *err)
{
    struct cells *c = arg;
    char number[24];
    const char *text = list_value_cell(v, number);
    (void)field;
    if (c->p->table != NULL)
        return table_cell(c->p->table, v->type == LIST_BOOL && !v->n ? "" : text, err);
    out_csv(c->p->ctx, c->first, text);
    c->first = 0;
    return RC_OK;
}

static enum rc
put_member(void *arg, const struct list_field *field, const struct list_value *v, struct err *err)
{
    (void)err;
    list_value_member(arg, field->name, v);
    return RC_OK;
}

static enum rc
put_object(struct list_print *p, const struct list_row *row, struct err *err)
{
    struct buf item;
    struct jw w;
    if (p->ctx->format == OUT_JSON) {
        jw_obj(&p->w, NULL);
        enum rc rc = list_fields_each(row, put_member, &p->w, err);
        jw_end_obj(&p->w);
        return rc == RC_OK ? out_json_part(p->ctx, &p->doc, err) : rc;
    }
    session_answer(&item, &w, "key");
    enum rc rc = list_fields_each(row, put_member, &w, err);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = out_json_line(p->ctx, &item, err);
    buf_release(&item);
    return rc;
}

enum rc
list_print_row(struct list_print *p, const struct list_row *row, struct err *err)
{
    struct cells c = {p, 1};
    enum rc rc = RC_OK;
    p->rows++;
    if (out_is_json(p->ctx))
        return put_object(p, row, err);
    if (p->ctx->format == OUT_TEXT) {
        if (p->in_table == TABLE_ROWS)
            rc = end_table(p, err);
        if (rc == RC_OK && p->table == NULL)
            rc = out_flush(p->ctx, err);
        if (rc == RC_OK && p->table == NULL)
            rc = begin_table(p, err);
        p->in_table++;
        if (rc == RC_OK)
            rc = table_row(p->table, err);
    }
    if (rc == RC_OK)
        rc = list_fields_each(row, put_cell, &c, err);
    return rc == RC_OK && p->ctx->format == OUT_CSV ? out_csv_end(p->ctx, err) : rc;
}

enum rc
list_print_end(struct list_print *p, struct err *err)
{
    if (p->ctx->format == OUT_TEXT)
        return p->rows > 0 ? end_table(p, err) : RC_OK;
    if (p->ctx->format != OUT_JSON)
        return p->ctx->format == OUT_NDJSON ? out_flush(p->ctx, err) : RC_OK;
    jw_end_arr(&p->w);
    jw_end_obj(&p->w);
    return out_json(p->ctx, &p->doc, err);
}

void
list_print_release(struct list_print *p)
{
    struct err ignored = ERR_INIT;
    if (p->ctx->format == OUT_NDJSON && !p->ctx->out_failed) /* after a failure, what was counted */
        err_ignore(out_flush(p->ctx, &ignored));
    table_free(p->table);
    buf_release(&p->doc);
}
