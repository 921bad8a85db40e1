#include "contract_objects.h"
#include "objects/objects_mem.h"

void
contract_open(struct objects *out)
{
    objects_mem_open(1000000, out);
    objects_mem_make_bucket(out, ODK_STR("data"));
}

void
contract_close(struct objects *objects)
{
    objects_close(objects);
}

int
main(void)
{
    return contract_run();
}
