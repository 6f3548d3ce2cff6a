/* What the harness and the library that it preloads tell each other. */
#ifndef FAULT_OOM_H
#define FAULT_OOM_H

struct oom {
    long at;    /* this one fails; 0: none */
    int sticky; /* and all after it */
    long count; /* allocations from main on */
    long failed;
};

#endif
