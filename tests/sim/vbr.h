/*
 * A simulator of the part of Veeam Backup & Replication's REST API that keymuster uses, for tests.
 * It is not VBR: what it answers was read off the interface description, and where that says
 * nothing (which status a second factor or a locked verify has) it is made up. It shares the tree,
 * the clock and the certificates of sim.h with the simulator of IBM's services, and no code with
 * what it tests.
 */
#ifndef VBR_H
#define VBR_H

#include "sim.h"

struct ask {
    const char *method, *path, *version, *type, *token, *skip, *limit, *filter;
    char *body; /* with a 0 after it; NULL: none */
    size_t len;
};
struct reply {
    int status;
    cJSON *json; /* NULL: no body */
    int drop;
    const char *text; /* instead of json */
};
/* settings of vbr.c's head */
void vbr_answer(const struct ask *q, struct reply *a);
void vbr_error(struct reply *a, int status, const char *code, const char *words);
void vbr_first(void);   /* what is there at start */
void vbr_restart(void); /* forgets every token */

#endif
