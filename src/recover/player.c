#include "recover/player.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recover/run.h"
#include "text/enc.h"

int
player_plays(const char *kind)
{
    static const char *const kinds[] = {"run.started", "run.resumed",  "run.begun",
                                        "run.ended",   "run.finished", "run.word"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i], kind) == 0)
            return 1;
    }
    return 0;
}

/* Who approves is named in the body; whose account recorded it plays. */
enum rc
player_take(struct run *r, const struct entry *e, struct err *err)
{
    const struct json *by = e->restates != NULL ? json_get(e->restates, "by") : e->by;
    const char *person = player_plays(e->kind) ? json_gets(e->body, "person") : NULL;
    const char *login = json_gets(by, "login");
    struct player p = {.person = ""};
    if (login == NULL)
        login = json_gets(by, "user");
    (void)snprintf(p.person, sizeof p.person, "%s", person != NULL ? person : "");
    (void)snprintf(p.login, sizeof p.login, "%s", login != NULL ? login : "");
    for (size_t i = 0; i < r->player_count; i++) {
        if (strcmp(r->players[i].person, p.person) == 0 &&
            strcmp(r->players[i].login, p.login) == 0)
            return RC_OK;
    }
    struct player *more = realloc(r->players, (r->player_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    r->players = more;
    r->players[r->player_count++] = p;
    return RC_OK;
}

struct owner {
    const char *login;
    char person[UUID_TEXT + 1];
    char name[LIMIT_NAME + 1];
    int hits;
};

static enum rc
look_owner(void *arg, const struct person *p, struct err *err)
{
    struct owner *o = arg;
    (void)err;
    if (person_has_login(p, o->login)) {
        memcpy(o->person, p->object.uuid, sizeof o->person);
        memcpy(o->name, p->object.name, sizeof o->name);
        o->hits++;
    }
    return RC_OK;
}

/* Whose account it is; one that several share is nobody's. */
static enum rc
owner_of(const struct store *store, const char *login, struct owner *out, struct err *err)
{
    *out = (struct owner){.login = login};
    enum rc rc = person_each(store, look_owner, out, err);
    if (out->hits != 1)
        out->person[0] = out->name[0] = '\0';
    return rc;
}

enum rc
player_is(const struct run *r, const struct store *store, const char *person, const char *name,
          int *yes, struct err *err)
{
    enum rc rc = RC_OK;
    *yes = 0;
    for (size_t i = 0; rc == RC_OK && !*yes && i < r->player_count; i++) {
        const struct player *p = &r->players[i];
        struct owner owner;
        *yes = (person[0] != '\0' && strcmp(p->person, person) == 0) ||
               strcmp(p->person, name) == 0 || (person[0] == '\0' && strcmp(p->login, name) == 0);
        rc = owner_of(store, p->login, &owner, err);
        *yes |= rc == RC_OK && person[0] != '\0' && strcmp(owner.person, person) == 0;
    }
    return rc;
}

enum rc
player_names(struct buf *out, const struct run *r, const struct store *store, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->player_count; i++) {
        const struct player *p = &r->players[i];
        struct owner owner;
        char name[LIMIT_NAME + 1];
        rc = owner_of(store, p->login, &owner, err);
        if (rc == RC_OK && uuid_is(p->person))
            rc = object_name(store, p->person, name, err);
        buf_addf(out, "%s%s", i > 0 ? ", " : "",
                 uuid_is(p->person)        ? name
                 : p->person[0] != '\0'    ? p->person
                 : owner.person[0] != '\0' ? owner.name
                                           : p->login);
    }
    return rc == RC_OK ? buf_check(out, "names", err) : rc;
}
