#include "base/plant.h"

#ifdef PLANT_CHOSEN

#include <stdlib.h>
#include <string.h>

int
plant_chosen(const char *fault)
{
    static const char *chosen;
    if (chosen == NULL)
        chosen = getenv("KM_FAULT");
    if (chosen == NULL)
        chosen = "";
    return strcmp(chosen, fault) == 0;
}

#else
typedef int plant_is_off; /* ISO C wants something in a file */
#endif
