#include "sdk/odradek.h"

const char *
odradek_version(void)
{
    return SDK_VERSION;
}
