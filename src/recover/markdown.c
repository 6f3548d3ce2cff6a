#include "recover/markdown.h"

#include <assert.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Blanks before a nested block; what is deeper comes as words only. */
enum { DEEPEST = 16 };

/* ---- the memory of libcmark ---- */

enum { BLOCK_LEAST = 1024 * 1024, BLOCK_PER_BYTE = 256, ALIGN = 16 };

static struct {
    char *bytes; /* zeros from used on; NULL: nothing is parsed */
    size_t size, used;
    jmp_buf full; /* where to go when it is */
} block;

/* The size stands before what is given out. */
static void *
take(size_t count, size_t size)
{
    size_t want = (count * size + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
    if ((size != 0 && count > block.size / size) || want > block.size - block.used)
        longjmp(block.full, 1);
    char *at = block.bytes + block.used;
    size_t len = count * size;
    memcpy(at, &len, sizeof len);
    block.used += want;
    return at + ALIGN;
}

static void *
take_more(void *old, size_t size)
{
    size_t len = 0;
    void *more = take(1, size);
    if (old != NULL) {
        memcpy(&len, (char *)old - ALIGN, sizeof len);
        memcpy(more, old, len < size ? len : size);
    }
    return more;
}

static void
keep_all(void *old)
{
    (void)old; /* all goes at once, in markdown_done */
}

static cmark_mem memory = {take, take_more, keep_all};

void
markdown_done(void)
{
    free(block.bytes);
    block.bytes = NULL;
}

enum rc
markdown_parse(cmark_node **root, const char *text, size_t len, struct err *err)
{
    assert(block.bytes == NULL);
    *root = NULL;
    block.size = BLOCK_LEAST + len * BLOCK_PER_BYTE;
    block.used = 0;
    block.bytes = calloc(1, block.size);
    if (block.bytes == NULL)
        return err_nomem(err);
    if (setjmp(block.full) != 0) {
        markdown_done();
        return err_set(err, RC_CONFIG, "more marks than a text for people has");
    }
    cmark_parser *parser = cmark_parser_new_with_mem(CMARK_OPT_DEFAULT, &memory);
    cmark_parser_feed(parser, text, len);
    *root = cmark_parser_finish(parser);
    return RC_OK;
}

enum rc
markdown_html(struct buf *out, cmark_node *node, struct err *err)
{
    if (setjmp(block.full) != 0)
        return err_set(err, RC_CONFIG, "more marks than a text for people has");
    buf_adds(out, cmark_render_html(node, CMARK_OPT_DEFAULT));
    return RC_OK;
}

/* ---- words ---- */

static void
enter(struct buf *out, cmark_node *node)
{
    cmark_node_type type = cmark_node_get_type(node);
    if (type == CMARK_NODE_CODE)
        buf_addf(out, "`%s`", cmark_node_get_literal(node));
    else if (type == CMARK_NODE_SOFTBREAK)
        buf_addc(out, ' ');
    else if (type == CMARK_NODE_LINEBREAK)
        buf_addc(out, '\n');
    else if (cmark_node_get_literal(node) != NULL)
        buf_adds(out, cmark_node_get_literal(node));
}

static void
leave(struct buf *out, cmark_node *node)
{
    if (cmark_node_get_type(node) == CMARK_NODE_LINK)
        buf_addf(out, " <%s>", cmark_node_get_url(node));
}

/* Down, along and up again: a nesting of any depth costs no stack. */
void
markdown_words(struct buf *out, cmark_node *top)
{
    cmark_node *node = top;
    for (;;) {
        cmark_node *next = cmark_node_first_child(node);
        enter(out, node);
        while (next == NULL) {
            leave(out, node);
            if (node == top)
                return;
            next = cmark_node_next(node);
            if (next == NULL) {
                node = cmark_node_parent(node);
                if (node == top)
                    return;
            }
        }
        node = next;
    }
}

/* ---- blocks ---- */

/* Each line of literal after indent blanks. */
static void
lines(struct buf *out, const char *literal, int indent)
{
    while (*literal != '\0') {
        size_t len = strcspn(literal, "\n");
        buf_addf(out, "%*s%.*s\n", indent, "", (int)len, literal);
        literal += len + (literal[len] == '\n');
    }
}

static void
item(struct buf *out, cmark_node *node, int number, int indent)
{
    int first = 1;
    buf_addf(out, "%*s", indent, "");
    if (number > 0)
        buf_addf(out, "%d. ", number);
    else
        buf_adds(out, "* ");
    for (cmark_node *n = cmark_node_first_child(node); n != NULL; n = cmark_node_next(n)) {
        if (first && cmark_node_get_type(n) == CMARK_NODE_PARAGRAPH) {
            markdown_words(out, n);
            buf_addc(out, '\n');
        } else {
            markdown_block(out, n, indent + 2);
        }
        first = 0;
    }
}

static void
list(struct buf *out, cmark_node *node, int indent)
{
    int number =
        cmark_node_get_list_type(node) == CMARK_ORDERED_LIST ? cmark_node_get_list_start(node) : 0;
    for (cmark_node *n = cmark_node_first_child(node); n != NULL; n = cmark_node_next(n)) {
        item(out, n, number, indent);
        number += number > 0;
    }
}

void
markdown_block(struct buf *out, cmark_node *node, int indent)
{
    if (out->len > 0 && indent == 0)
        buf_addc(out, '\n');
    cmark_node_type type = indent > DEEPEST ? CMARK_NODE_PARAGRAPH : cmark_node_get_type(node);
    if (type == CMARK_NODE_LIST) {
        list(out, node, indent);
    } else if (type == CMARK_NODE_CODE_BLOCK || type == CMARK_NODE_HTML_BLOCK) {
        lines(out, cmark_node_get_literal(node), indent + 4);
    } else if (type == CMARK_NODE_BLOCK_QUOTE) {
        for (cmark_node *n = cmark_node_first_child(node); n != NULL; n = cmark_node_next(n))
            markdown_block(out, n, indent + 2);
    } else if (type != CMARK_NODE_THEMATIC_BREAK) {
        buf_addf(out, "%*s", indent, "");
        markdown_words(out, node);
        buf_addc(out, '\n');
    }
}

int
markdown_begins(cmark_node *node, const char *word)
{
    cmark_node *first = cmark_node_first_child(node);
    const char *text = first != NULL ? cmark_node_get_literal(first) : NULL;
    return cmark_node_get_type(node) == CMARK_NODE_PARAGRAPH && text != NULL &&
           strncmp(text, word, strlen(word)) == 0;
}
