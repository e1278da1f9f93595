/* Memory that runs out while the engine works. */
#include "sim.h"

#include "../failing_malloc.h"

void memory_fail_after(long n) {
        malloc_left = n;
}
