/* The tables of commands, in the order of help. */
#include "cli/cmd_tables.h"
#include "cli/session.h"

const struct cmd *const cmd_tables[] = {
    cmd_create_table,
    cmd_record_table,
    cmd_import_table,
    cmd_export_table,
    cmd_rewrap_table,
    cmd_rehome_table,
    cmd_wrap_table,
    cmd_state_table,
    cmd_list_table,
    cmd_show_table,
    cmd_sync_table,
    cmd_upkeep_table,
    cmd_status_table,
    cmd_audit_log_table,
    cmd_setup_table,
    cmd_kms_table,
    cmd_root_table,
    cmd_root_check_table,
    cmd_retire_table,
    cmd_copy_table,
    cmd_card_table,
    cmd_author_table,
    cmd_author_admit_table,
    cmd_author_key_table,
    cmd_author_retire_table,
    cmd_runbook_table,
    cmd_person_table,
    cmd_who_table,
    cmd_reveal_table,
    cmd_identify_table,
    cmd_recover_table,
    cmd_countersign_table,
    cmd_join_table,
    cmd_drill_table,
    cmd_report_table,
    cmd_doctor_table,
    cmd_explain_table,
    cmd_help_table,
    NULL,
};

enum rc (*const cmd_open_store)(struct ctx *ctx, struct err *err) = session_open;
void (*const cmd_close_store)(struct ctx *ctx) = session_close;
