#include <stdio.h>

#include "sim.h"

void
behaviour_print(void)
{
}
