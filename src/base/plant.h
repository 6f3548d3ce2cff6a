/*
 * Deliberate faults, to prove that the tests catch them: PLANTED("no-wipe") is 1 in the test program
 * plant-no-wipe (planted() in tests/lib/helpers.cmake) and 0, a constant, anywhere else.
 */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H

#ifdef PLANT
#include <string.h>
#define PLANTED(fault) (strcmp(PLANT, fault) == 0)
#else
#define PLANTED(fault) 0
#endif

#endif
