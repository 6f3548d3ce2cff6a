/*
 * The scripts of recovery/ for a person without keymuster, embedded by cmake/recovery.cmake.
 */
#ifndef COPY_RECOVERY_SCRIPTS_H
#define COPY_RECOVERY_SCRIPTS_H

#include <stddef.h>

struct recovery_script {
    const char *name; /* below recovery/ */
    const char *text;
    size_t len;
};
extern const struct recovery_script recovery_scripts[];
extern const size_t recovery_script_count;

#endif
