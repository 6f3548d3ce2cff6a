/* For the libraries that the harness preloads. */
#ifndef FAULT_PRELOAD_H
#define FAULT_PRELOAD_H

#include <dlfcn.h>
#include <string.h>

/* Object and function pointers do not convert in ISO C. where: RTLD_NEXT, RTLD_DEFAULT. */
static inline void
look_up(void *function, void *where, const char *name)
{
    void *found = dlsym(where, name);
    memcpy(function, &found, sizeof found);
}

#endif
