/*
 * For the benchmark: the floor under every keymuster command. A C program that links SQLite and
 * libsodium, opens the database given and prints a line; nothing else.
 */
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    if (sodium_init() < 0)
        return 1;
    if (argc > 1 &&
        (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
         sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) != SQLITE_OK))
        return 1;
    (void)puts("bare");
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
