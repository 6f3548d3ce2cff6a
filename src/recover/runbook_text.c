#include "recover/runbook_text.h"

#include <string.h>

enum { DEEPEST = 16 }; /* blanks before a nested block; what is deeper comes as words only */

/* By an iterator: a nesting of any depth costs no stack. */
void
runbook_words(struct buf *out, cmark_node *block)
{
    cmark_iter *iter = cmark_iter_new(block);
    cmark_event_type event;
    while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *node = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(node);
        if (type == CMARK_NODE_CODE)
            buf_addf(out, "`%s`", cmark_node_get_literal(node));
        else if (type == CMARK_NODE_SOFTBREAK)
            buf_addc(out, ' ');
        else if (type == CMARK_NODE_LINEBREAK)
            buf_addc(out, '\n');
        else if (type == CMARK_NODE_LINK && event == CMARK_EVENT_EXIT)
            buf_addf(out, " <%s>", cmark_node_get_url(node));
        else if (cmark_node_get_literal(node) != NULL)
            buf_adds(out, cmark_node_get_literal(node));
    }
    cmark_iter_free(iter);
}

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
            runbook_words(out, n);
            buf_addc(out, '\n');
        } else {
            runbook_block(out, n, indent + 2);
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
runbook_block(struct buf *out, cmark_node *block, int indent)
{
    if (out->len > 0 && indent == 0)
        buf_addc(out, '\n');
    cmark_node_type type = indent > DEEPEST ? CMARK_NODE_PARAGRAPH : cmark_node_get_type(block);
    if (type == CMARK_NODE_LIST) {
        list(out, block, indent);
    } else if (type == CMARK_NODE_CODE_BLOCK || type == CMARK_NODE_HTML_BLOCK) {
        lines(out, cmark_node_get_literal(block), indent + 4);
    } else if (type == CMARK_NODE_BLOCK_QUOTE) {
        for (cmark_node *n = cmark_node_first_child(block); n != NULL; n = cmark_node_next(n))
            runbook_block(out, n, indent + 2);
    } else if (type != CMARK_NODE_THEMATIC_BREAK) {
        buf_addf(out, "%*s", indent, "");
        runbook_words(out, block);
        buf_addc(out, '\n');
    }
}

int
runbook_expects(cmark_node *block)
{
    static const char mark[] = "Expect:";
    cmark_node *first = cmark_node_first_child(block);
    const char *text = first != NULL ? cmark_node_get_literal(first) : NULL;
    return cmark_node_get_type(block) == CMARK_NODE_PARAGRAPH && text != NULL &&
           strncmp(text, mark, sizeof mark - 1) == 0;
}
