/* The tables of commands, one a file, and the few pieces that several of those files use. */
#ifndef CLI_CMD_TABLES_H
#define CLI_CMD_TABLES_H

#include "cli/cmd.h"
#include "escrow/author.h"
#include "escrow/key.h"
#include "escrow/view.h"
#include "text/jw.h"
#include "text/table.h"

extern const struct cmd cmd_setup_table[];
extern const struct cmd cmd_kms_table[];
extern const struct cmd cmd_root_table[];
extern const struct cmd cmd_root_check_table[];
extern const struct cmd cmd_retire_table[];
extern const struct cmd cmd_doctor_table[];
extern const struct cmd cmd_upkeep_table[];
extern const struct cmd cmd_create_table[];
extern const struct cmd cmd_record_table[];
extern const struct cmd cmd_import_table[];
extern const struct cmd cmd_rewrap_table[];
extern const struct cmd cmd_rehome_table[];
extern const struct cmd cmd_wrap_table[];
extern const struct cmd cmd_state_table[];
extern const struct cmd cmd_list_table[];
extern const struct cmd cmd_show_table[];
extern const struct cmd cmd_status_table[];
extern const struct cmd cmd_audit_log_table[];
extern const struct cmd cmd_audit_check_table[];
extern const struct cmd cmd_kms_events_table[];
extern const struct cmd cmd_policy_table[];
extern const struct cmd cmd_ready_table[];
extern const struct cmd cmd_simulate_table[];
extern const struct cmd cmd_author_table[];
extern const struct cmd cmd_author_admit_table[];
extern const struct cmd cmd_author_key_table[];
extern const struct cmd cmd_author_retire_table[];
extern const struct cmd cmd_copy_table[];
extern const struct cmd cmd_card_table[];
extern const struct cmd cmd_sync_table[];
extern const struct cmd cmd_reveal_table[];
extern const struct cmd cmd_exec_table[];
extern const struct cmd cmd_check_table[];
extern const struct cmd cmd_identify_table[];
extern const struct cmd cmd_vbr_table[];
extern const struct cmd cmd_vbr_key_table[];
extern const struct cmd cmd_vbr_adopt_table[];
extern const struct cmd cmd_vbr_reconcile_table[];
extern const struct cmd cmd_drill_table[];
extern const struct cmd cmd_report_table[];
extern const struct cmd cmd_report_audit_table[];
extern const struct cmd cmd_audit_export_table[];
/* Now; SOURCE_DATE_EPOCH, for reports of the same store to be the same bytes. */
int64_t cmd_time_shown(void);
extern const struct cmd cmd_export_table[];
extern const struct cmd cmd_join_table[];
extern const struct cmd cmd_runbook_table[];
extern const struct cmd cmd_recover_table[];
extern const struct cmd cmd_countersign_table[];
extern const struct cmd cmd_person_table[];
extern const struct cmd cmd_who_table[];
extern const struct cmd cmd_explain_table[];
extern const struct cmd cmd_completion_table[];

/* The name is allowed and free: RC_BAD_NAME, RC_EXISTS. */
enum rc cmd_new_name(struct ctx *ctx, const char *kind, const char *name,
                     struct err *err) MUST_CHECK;
/* "added site mad", or its JSON. done: "added", "changed". */
enum rc cmd_answer_object(struct ctx *ctx, const char *schema, const char *kind, const char *name,
                          const char *uuid, const char *done, struct err *err) MUST_CHECK;

struct ibm_words;
/* What kms add and root add record of what was tried: the KMS and its binding here; the root key
 * and what was seen of it. uuid is the new one. */
enum rc cmd_kms_record_ibm(struct ctx *ctx, const char *name, const struct object *site,
                           const struct ibm_words *w, char uuid[UUID_TEXT + 1],
                           struct err *err) MUST_CHECK;
/* Only the binding, of one that the log knows. */
enum rc cmd_kms_bind_ibm(struct ctx *ctx, const struct object *kms, const struct ibm_words *w,
                         int endpoint, struct err *err) MUST_CHECK;
enum rc cmd_root_record(struct ctx *ctx, const char *name, const struct object *kms,
                        const struct root_info *info, char uuid[UUID_TEXT + 1],
                        struct err *err) MUST_CHECK;

/* Records that an author is admitted. */
enum rc cmd_author_admit(struct ctx *ctx, const struct log_author *a, int spare,
                         struct err *err) MUST_CHECK;
/* RC_POLICY when others ignore what this store says about authors: not admitted, or retired. */
enum rc cmd_author_counts(struct ctx *ctx, struct err *err) MUST_CHECK;
/* The first argument as a whole id. RC_BAD_VALUE. */
enum rc cmd_author_argument(struct ctx *ctx, const char **id, struct err *err) MUST_CHECK;
/* Appends this store's request to be admitted (escrow/request.h). */
enum rc cmd_author_request(const struct store *store, struct buf *out, struct err *err) MUST_CHECK;

/* What sync does, with the copies of the command line or all: text, or with w members of an object
 * that is begun. quick: as --quick. */
enum rc cmd_sync_all(struct ctx *ctx, int quick, struct jw *w, struct err *err) MUST_CHECK;
/* A wrap's members, in an object that is begun. root: the name of its root key. */
void cmd_write_wrap(struct jw *w, const char *root, const struct wrap *wrap);
/* Site of an author, or "": tells equal names apart. */
void cmd_author_site(const struct store *store, const char *author, char out[LIMIT_NAME + 1]);
/* What happened to a key: lines of text, or with w the member "history" (cli/history.c). */
enum rc cmd_history(struct ctx *ctx, const struct key *key, struct jw *w,
                    struct err *err) MUST_CHECK;

enum rc cmd_table_new(struct table **out, const struct ctx *ctx, const char *const *titles,
                      struct err *err) MUST_CHECK;
enum rc cmd_table_row(struct table *t, const char *const *cells, size_t count,
                      struct err *err) MUST_CHECK;
/* A list on its way out: items go to w (JSON) when it is not NULL, else to table. */
struct listing {
    struct ctx *ctx;
    struct jw *w;
    struct table *table;
};
/* Lists all objects of a kind as a table or as JSON {"schema","items":[...]}; fn gets l and each
 * object. */
enum rc cmd_list_objects(struct listing *l, const char *schema, const char *kind,
                         const char *const *titles, object_fn fn, struct err *err) MUST_CHECK;

#endif
