/*
 * For tests: an author who does not keep to what keymuster records. log_tool append STORE KIND BODY
 * appends an entry with any kind and body to a store's own log.
 */
#include <stdio.h>
#include <string.h>

#include "escrow/log.h"
#include "escrow/store.h"

int
main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct store *store = NULL;
    struct buf body;
    if (argc != 5 || strcmp(argv[1], "append") != 0) {
        (void)fprintf(stderr, "usage: log_tool append STORE KIND BODY\n");
        return 2;
    }
    buf_init(&body, LIMIT_BODY);
    buf_adds(&body, argv[4]);
    enum rc rc = store_open(&store, argv[2], DB_WRITE, &err);
    if (rc == RC_OK)
        rc = log_append_one(store, argv[3], &body, NULL, &err);
    if (rc != RC_OK)
        (void)fprintf(stderr, "log_tool: %s\n", err.msg);
    store_close(store);
    buf_release(&body);
    return rc == RC_OK ? 0 : 1;
}
