/* What the harness and the library that it preloads tell each other. */
#ifndef FAULT_OOM_H
#define FAULT_OOM_H

enum { OOM_PLACES = 131072 };

/*
 * A place: which functions of keymuster ask (those of libraries are not looked at: whatever fails
 * inside of one call, it is that call which fails for us), and between which two changes of a file.
 * FNV-1a over the addresses of the callers.
 */
#define OOM_PLACE 0xcbf29ce484222325UL
#define OOM_PLACE_STEP 0x100000001b3UL

struct oom {
    long at;             /* this one fails; 0: none */
    int sticky;          /* and all after it */
    int places;          /* they are wanted */
    unsigned long epoch; /* the harness counts it up at each change of a file */
    long count;          /* allocations from main on */
    long failed;
    unsigned long place[OOM_PLACES]; /* of each allocation, the first at 0 */
};

#endif
