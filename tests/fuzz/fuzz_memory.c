/* The memory outside the store: whatever the file says, it is read or passed over, and never lowers
 * what the store knows. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/held.h"
#include "copy/memory.h"

static void
put(const struct store *s, const char *bytes, size_t len)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/keymuster", fuzz_folder());
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/keymuster/%s-%s.json", fuzz_folder(), s->escrow,
                   s->self.author);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && close(fd) == 0);
}

void
fuzz_one(const char *bytes, size_t len)
{
    static const char copy[] = "00112233445566778899aabbccddeeff";
    struct store *s = fuzz_store();
    struct mark high = {.number = 2, .entries = 30};
    struct mark seen;
    struct err err = ERR_INIT;
    int fits = -1;
    put(s, bytes, len);
    FUZZ_CHECK(db_begin(s->db, &err) == RC_OK);
    FUZZ_CHECK(seen_raise(s, copy, s->self.author, &high, &err) == RC_OK);
    enum rc rc = memory_check(s, &err);
    FUZZ_CHECK(rc == RC_OK || rc == RC_STORE_OLD);
    FUZZ_PLANT(rc == RC_STORE_OLD && strstr(err.why, "remembers 5 entries and head 2 ") == NULL);
    FUZZ_CHECK(memory_fits(s, &fits, &err) == RC_OK && (fits == 0 || (fits == 1 && rc == RC_OK)));
    FUZZ_CHECK(memory_merge(s, &err) == RC_OK);
    FUZZ_CHECK(seen_get(s, copy, s->self.author, &seen, &err) == RC_OK);
    FUZZ_CHECK(seen.number >= 2);
    db_rollback(s->db);
}
