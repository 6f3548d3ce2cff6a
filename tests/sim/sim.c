/*
 * kms_sim: see sim.h.
 *
 *   kms_sim --dir DIR [--state FILE] [--tls KIND] [--lifetime SECONDS]
 *   kms_sim --behaviour
 *
 * DIR gets ca.pem and the API keys (apikey.NAME, mode 0600), made afresh. One line of JSON on
 * standard output says what listens where. It ends at SIGTERM or SIGINT, and after its lifetime (an
 * hour), so that none is left behind.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kms.h"

const char *sim_dir, *sim_tls = "good";

/* ---- what exists ---- */

cJSON *
instance_add(const char *name, const char *offering, const char *region, const char *account,
             const char *id)
{
    char fresh[UUID_SIZE];
    cJSON *i = cJSON_CreateObject();
    set_text(i, "name", name);
    set_text(i, "id", *id ? id : uuid_new(fresh));
    set_text(i, "offering", offering);
    set_text(i, "region", region);
    set_text(i, "account", account);
    cJSON_AddItemToArray(list_of(state, "instances"), i);
    return i;
}

static void
grant(cJSON *apikey, const char *role, const char *instance)
{
    cJSON *g = cJSON_CreateObject();
    set_text(g, "role", role);
    set_text(g, "instance", instance);
    cJSON_AddItemToArray(list_of(apikey, "grants"), g);
}

cJSON *
apikey_add(const char *name, const char *account, const char *role, const char *instance)
{
    unsigned char random[24];
    char text[64], iam_id[80], id[UUID_SIZE];
    random_fill(random, sizeof random);
    char *encoded = base64_of(random, sizeof random);
    /* + / = must be escaped in a form: each key has them. */
    (void)snprintf(text, sizeof text, "canary-%s+/=", encoded);
    (void)snprintf(iam_id, sizeof iam_id, "iam-ServiceId-%s", uuid_new(id));
    free(encoded);
    cJSON *k = cJSON_CreateObject();
    set_text(k, "name", name);
    set_text(k, "key", text);
    set_text(k, "iam_id", iam_id);
    set_text(k, "account", account);
    set_text(k, "status", "valid");
    set_number(k, "life", 3600);
    grant(k, role, instance);
    cJSON_AddItemToArray(list_of(state, "apikeys"), k);
    return k;
}

static void
file_write(const char *name, const char *suffix, const char *text)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s%s", sim_dir, name, suffix);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

void
apikey_write(const cJSON *apikey)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s\n", text_of(apikey, "key"));
    file_write("apikey.", text_of(apikey, "name"), text);
}

static void
first_state(void)
{
    static const char account[] = "0123456789abcdef0123456789abcdef",
                      other[] = "fedcba9876543210fedcba9876543210";
    (void)instance_add("fra", "standard", "eu-de", account, "");
    (void)instance_add("mad", "standard", "eu-es", account, "");
    (void)instance_add("dedicated", "dedicated", "eu-de", account, "");
    (void)instance_add("hpcs", "hpcs", "eu-de", account, "");
    grant(apikey_add("manager", account, "Manager", "*"), "KeyPurge", "*");
    (void)apikey_add("second", account, "Manager", "*");
    (void)apikey_add("writer", account, "Writer", "*");
    (void)apikey_add("reader", account, "Reader", "*");
    (void)apikey_add("stranger", other, "Manager", "*");
    set_text(apikey_add("disabled", account, "Manager", "*"), "status", "disabled");
    set_text(apikey_add("deleted", account, "Manager", "*"), "status", "deleted");
}

/* ---- starting ---- */

cJSON *
info(void)
{
    cJSON *o = cJSON_CreateObject(), *i;
    char path[4096];
    set_text(o, "schema", "keymuster.kms_sim/1");
    set_text(
        o, "simulator",
        "This is a simulator of IBM Cloud IAM and Key Protect for tests. It is not IBM Cloud, and "
        "passing against it proves nothing about IBM Cloud.");
    set_number(o, "pid", getpid());
    (void)snprintf(path, sizeof path, "%s/ca.pem", sim_dir);
    set_text(o, "ca", path);
    for (const struct front *f = fronts; f; f = f->next)
        if (f->of != FRONT_KMS && !cJSON_HasObjectItem(o, f->of == FRONT_IAM ? "iam" : "control"))
            set_text(o, f->of == FRONT_IAM ? "iam" : "control", f->url);
    cJSON *instances = cJSON_AddObjectToObject(o, "instances");
    cJSON_ArrayForEach(i, list_of(state, "instances"))
    {
        const struct front *f = front_for(i);
        cJSON *one = cJSON_AddObjectToObject(instances, text_of(i, "name"));
        set_text(one, "id", text_of(i, "id"));
        set_text(one, "url", f ? f->url : "");
        set_text(one, "offering", text_of(i, "offering"));
        set_text(one, "region", text_of(i, "region"));
        set_text(one, "account", text_of(i, "account"));
    }
    cJSON *keys = cJSON_AddObjectToObject(o, "apikeys");
    cJSON_ArrayForEach(i, list_of(state, "apikeys"))
    {
        (void)snprintf(path, sizeof path, "%s/apikey.%s", sim_dir, text_of(i, "name"));
        set_text(keys, text_of(i, "name"), path);
    }
    return o;
}

static void
start(const char *state_file)
{
    char path[4096];
    const cJSON *k;
    state_load(state_file);
    if (cJSON_GetArraySize(list_of(state, "instances")) == 0)
        first_state();
    faults = cJSON_CreateArray();
    request_log = cJSON_CreateArray();
    (void)snprintf(path, sizeof path, "%s/ca.pem", sim_dir);
    tls_start(path);
    cJSON_ArrayForEach(k, list_of(state, "apikeys")) apikey_write(k);
    if (!front_start(FRONT_CONTROL, "", "", "", "plain") ||
        !front_start(FRONT_IAM, "", "", "", sim_tls)) {
        (void)fprintf(stderr, "kms_sim: cannot listen, or --tls is none of: %s\n", tls_kinds);
        exit(1);
    }
    cJSON *o = info();
    char *line = cJSON_PrintUnformatted(o);
    (void)puts(line);
    (void)fflush(stdout);
    cJSON_free(line);
    cJSON_Delete(o);
    state_save();
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'}, {"state", required_argument, NULL, 's'},
        {"tls", required_argument, NULL, 't'}, {"lifetime", required_argument, NULL, 'l'},
        {"behaviour", no_argument, NULL, 'b'}, {NULL, 0, NULL, 0}};
    const char *state_file = NULL;
    long lifetime = 3600;
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (o) {
        case 'd':
            sim_dir = optarg;
            break;
        case 's':
            state_file = optarg;
            break;
        case 't':
            sim_tls = optarg;
            break;
        case 'l':
            lifetime = strtol(optarg, NULL, 10);
            break;
        case 'b':
            behaviour_print();
            return 0;
        default:
            return 2;
        }
    if (!sim_dir) {
        (void)fprintf(
            stderr, "usage: kms_sim --dir DIR [--state FILE] [--tls KIND] [--lifetime SECONDS]\n");
        return 2;
    }
    sigset_t end;
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &end, NULL); /* for the threads to come, too */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(077);
    start(state_file);
    struct timespec most = {lifetime, 0};
    (void)sigtimedwait(&end, NULL, &most);
    _exit(0); /* whatever is being answered */
}
