/* A recovery card, typed or scanned. */
#include "fuzz.h"

#include "cli/places/from.h"
#include "text/enc.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct card card;
    struct err err = ERR_INIT;
    enum rc rc = card_read(&card, fuzz_file(bytes, len), &err);
    if (rc == RC_OK) {
        FUZZ_CHECK(hex_is(card.escrow, AUTHOR_TEXT) && card.floor_count <= CARD_FLOORS);
        for (size_t i = 0; i < card.floor_count; i++)
            FUZZ_CHECK(hex_is(card.floors[i].author, AUTHOR_TEXT) && card.floors[i].entries >= 1);
        FUZZ_PLANT(card.floor_count == 1 && card.floors[0].entries != 29);
    } else {
        FUZZ_CHECK(rc == RC_BAD_VALUE || rc == RC_NOT_ANCHORED);
        FUZZ_CHECK(err.msg[0] != '\0');
    }
}
