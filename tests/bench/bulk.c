/*
 * The floors that bulk work is measured against, with the same libraries and the same durability as
 * the store.
 *
 *   bulk import DB BATCH <rows.ndjson     parse each line, chain it, insert it under three indexes;
 * commit every BATCH rows bulk chain DB                         read the lines of the table `entry`
 * of a store, hash and compare with the next one's "prev"
 *   bulk restore DB <lines                hash each line and insert it, with the table and indexes
 * that a log has; one commit
 */
#include <cjson/cJSON.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bulk: %s\n", what);
        exit(1);
    }
}

static void
to_hex(char out[65], const unsigned char hash[32])
{
    sodium_bin2hex(out, 65, hash, 32);
}

static void
run_import(sqlite3 *db, long batch)
{
    sqlite3_stmt *put;
    char *text = NULL;
    size_t size = 0;
    ssize_t n;
    long seq = 0;
    unsigned char hash[32] = {0};
    char prev[65];
    need(sqlite3_exec(
             db,
             "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON;"
             "CREATE TABLE t (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL, "
             "wrap TEXT NOT NULL,"
             " line TEXT NOT NULL);"
             "CREATE UNIQUE INDEX t_hash ON t (hash); CREATE INDEX t_name ON t (name);"
             "CREATE INDEX t_wrap ON t (wrap);"
             "BEGIN IMMEDIATE",
             NULL, NULL, NULL) == SQLITE_OK,
         "making the table");
    need(sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", -1, &put, NULL) ==
             SQLITE_OK,
         "prepare");
    while ((n = getline(&text, &size, stdin)) > 0) {
        cJSON *row = cJSON_ParseWithLength(text, (size_t)n);
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "name"));
        const char *wrap = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "wrapped"));
        char *line = NULL;
        need(name != NULL && wrap != NULL, "a row without name or wrap");
        to_hex(prev, hash);
        int len = asprintf(&line, "{\"seq\":%ld,\"prev\":\"%s\",\"body\":%.*s}", ++seq, prev,
                           (int)(n - 1), text);
        need(len > 0, "memory");
        crypto_hash_sha256(hash, (const unsigned char *)line, (unsigned long long)len);
        sqlite3_bind_int64(put, 1, seq);
        sqlite3_bind_blob(put, 2, hash, 32, SQLITE_STATIC);
        sqlite3_bind_text(put, 3, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(put, 4, wrap, -1, SQLITE_STATIC);
        sqlite3_bind_text(put, 5, line, len, SQLITE_STATIC);
        need(sqlite3_step(put) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(put);
        free(line);
        cJSON_Delete(row);
        if (seq % batch == 0)
            need(sqlite3_exec(db, "COMMIT; BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK,
                 "commit");
    }
    need(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "commit");
    sqlite3_finalize(put);
    free(text);
    printf("%ld\n", seq);
}

static void
run_chain(sqlite3 *db)
{
    sqlite3_stmt *q;
    char prev[65];
    char last[33] = "";
    long count = 0;
    unsigned char hash[32] = {0};
    need(sqlite3_prepare_v2(db, "SELECT author, line FROM entry ORDER BY author, seq", -1, &q,
                            NULL) == SQLITE_OK,
         "prepare");
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *author = (const char *)sqlite3_column_text(q, 0);
        const char *line = (const char *)sqlite3_column_text(q, 1);
        int len = sqlite3_column_bytes(q, 1);
        if (strcmp(author, last) != 0)
            memset(hash, 0, sizeof hash);
        (void)snprintf(last, sizeof last, "%s", author);
        to_hex(prev, hash);
        const char *at = strstr(line, "\"prev\":\"");
        need(at != NULL && memcmp(at + 8, prev, 64) == 0, "a broken chain");
        crypto_hash_sha256(hash, (const unsigned char *)line, (unsigned long long)len);
        count++;
    }
    sqlite3_finalize(q);
    printf("%ld\n", count);
}

static void
run_restore(sqlite3 *db)
{
    sqlite3_stmt *put;
    char *text = NULL;
    size_t size = 0;
    ssize_t n;
    long seq = 0;
    unsigned char hash[32];
    need(sqlite3_exec(db,
                      "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA "
                      "secure_delete=ON;"
                      "CREATE TABLE entry (author TEXT NOT NULL, seq INTEGER NOT NULL,"
                      " hash BLOB NOT NULL UNIQUE, line TEXT NOT NULL, PRIMARY KEY (author, seq))"
                      " STRICT; BEGIN IMMEDIATE",
                      NULL, NULL, NULL) == SQLITE_OK,
         "making the table");
    need(sqlite3_prepare_v2(db, "INSERT INTO entry VALUES (?1, ?2, ?3, ?4)", -1, &put, NULL) ==
             SQLITE_OK,
         "prepare");
    while ((n = getline(&text, &size, stdin)) > 1) {
        cJSON *line = cJSON_ParseWithLength(text, (size_t)n - 1);
        const char *author = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "author"));
        need(author != NULL, "a line without an author");
        crypto_hash_sha256(hash, (const unsigned char *)text, (unsigned long long)n - 1);
        sqlite3_bind_text(put, 1, author, -1, SQLITE_STATIC);
        sqlite3_bind_int64(put, 2, ++seq);
        sqlite3_bind_blob(put, 3, hash, 32, SQLITE_STATIC);
        sqlite3_bind_text(put, 4, text, (int)n - 1, SQLITE_STATIC);
        need(sqlite3_step(put) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(put);
        cJSON_Delete(line);
    }
    need(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "commit");
    sqlite3_finalize(put);
    free(text);
}

int
main(int argc, char **argv)
{
    sqlite3 *db;
    need(argc >= 3 && sodium_init() >= 0, "usage: bulk import|chain|restore DB [BATCH]");
    need(sqlite3_open(argv[2], &db) == SQLITE_OK, "opening the database");
    if (strcmp(argv[1], "import") == 0)
        run_import(db, argc > 3 ? strtol(argv[3], NULL, 10) : 4096);
    else if (strcmp(argv[1], "restore") == 0)
        run_restore(db);
    else
        run_chain(db);
    return sqlite3_close(db) != SQLITE_OK;
}
