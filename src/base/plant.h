/*
 * Deliberate faults, to prove that the tests catch them. Compiled in only by the preset `plant`
 * (KM_PLANT=chosen), where the variable KM_FAULT names the one that is on: one build for all of
 * them. Anywhere else PLANTED is 0 and nothing of it is left.
 */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H

#ifdef PLANT_CHOSEN
/* KM_FAULT is read at the first call, which comes before the environment is scrubbed. */
int plant_chosen(const char *fault);
#define PLANTED(fault) plant_chosen(fault)
#else
#define PLANTED(fault) 0
#endif

#endif
