/*
 * Output. The answer goes to standard output, all else to standard error. Texts from outside are
 * escaped before a terminal gets them: with out_text and out_note by themselves, in ctx->out by the
 * caller (escape_terminal, or table_print). On a terminal, lines of text are broken between words
 * when they are written (cli/layout.h); no command has to look at its width.
 *
 * How a command answers:
 *   text    adds to ctx->out; main writes it.
 *   json    out_json, once.
 *   ndjson  out_json for each item (it is written at once); main adds the last line, the summary,
 *           whatever happens. A command that answers once works unchanged.
 *   csv     out_csv into ctx->out.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/cmd.h"
#include "text/jw.h"

struct jw;

/* ctx->format is json or ndjson. */
int out_is_json(const struct ctx *ctx);

/* Writes the document (one JSON value without any line feed; else RC_INTERNAL) and a line feed. A
 * second one is RC_INTERNAL with -o json. */
enum rc out_json(struct ctx *ctx, const struct buf *doc, struct err *err) MUST_CHECK;
/* NDJSON, for documents of which there are many: lines gather in ctx->out and are written when
 * there are enough of them; the caller flushes the rest. */
enum rc out_json_line(struct ctx *ctx, const struct buf *doc, struct err *err) MUST_CHECK;
/* Of a document that may be too large to hold: writes what is there when it is much, and empties
 * doc; out_json ends it. So a failure after that leaves the beginning of a document behind. */
enum rc out_json_part(struct ctx *ctx, struct buf *doc, struct err *err) MUST_CHECK;
/* Ends the object that session_answer began, writes it as out_json does, and releases doc. */
enum rc out_object(struct ctx *ctx, struct buf *doc, struct jw *w, struct err *err) MUST_CHECK;

/* Columns of the screen when standard output is one, else 0. */
unsigned out_width(const struct ctx *ctx);
/* Appends to ctx->out, escaped: one line, or several. */
void out_text(struct ctx *ctx, const char *text);
/* Appends to ctx->out as it is; for our own words. */
void out_printf(struct ctx *ctx, const char *fmt, ...) PRINTF(2, 3);
/* before and text, which is escaped, as a line. */
void out_line(struct ctx *ctx, const char *before, const char *text);
/* "name       value", the way all records are shown; nothing for NULL or "". */
void out_field(struct ctx *ctx, const char *name, const char *value);
/* One CSV cell into out, quoted where RFC 4180 wants it, with an apostrophe before what a
 * spreadsheet would run; first: begins a row. End a row with "\r\n" by out_csv_end. */
void out_csv(struct ctx *ctx, int first, const char *text);
enum rc out_csv_end(struct ctx *ctx, struct err *err) MUST_CHECK; /* writes what has gathered */
/* Whether --fields asks for this column (all are when it was not given). */
int out_wants(const struct ctx *ctx, const char *field);
/* RC_USAGE for a --fields name outside known (ended by NULL), naming the known ones. */
enum rc out_check_fields(const struct ctx *ctx, const char *const *known,
                         struct err *err) MUST_CHECK;

/* Writes ctx->out and empties it. A failure is RC_OUTPUT_FAILED for a command that changes the
 * store, else RC_IO. */
enum rc out_flush(struct ctx *ctx, struct err *err) MUST_CHECK;
/* Writes what is left, with ndjson the summary, and closes standard output, checked. */
enum rc out_end(struct ctx *ctx, int exit_status, struct err *err) MUST_CHECK;

/* A remark on standard error: "keymuster: text", with json as {"schema":"keymuster.note/1",...}.
 * Nothing when quiet. */
void out_note(struct ctx *ctx, const char *fmt, ...) PRINTF(2, 3);
/* The same marked as a warning; not silenced by quiet. */
void out_warn(struct ctx *ctx, const char *fmt, ...) PRINTF(2, 3);

/* Prints the one error: four parts as text, one line of JSON with json and ndjson. Quiet about a
 * reader that went away. */
void out_error(struct ctx *ctx, const struct err *err);
/* The exit status of this error for this command (exec: 125 for all but interruption). */
int out_exit(const struct ctx *ctx, const struct err *err);
/* The format before anything is parsed: -o, --output, --json, KEYMUSTER_OUTPUT; OUT_TEXT in doubt.
 */
enum out_format out_guess(int argc, char **argv);

/*
 * Confirmation. question is our own sentence without the "[y/N]"; names in it are escaped here.
 * confirm_yes: --yes, or y at the terminal. confirm_word: --confirm WORD, or the word typed.
 * RC_NO_CONFIRM: no terminal or --no-input (naming the flag), or the answer was something else.
 */
enum rc confirm_yes(struct ctx *ctx, const char *question, struct err *err) MUST_CHECK;
enum rc confirm_word(struct ctx *ctx, const char *word, const char *question,
                     struct err *err) MUST_CHECK;

#endif
