#include "base/base_log.h"

#include <stdarg.h>
#include <stdio.h>

#define LOG_MESSAGE_BYTES 1024

void
odk_log(const struct odk_logger *logger, enum odk_log_level level,
        const char *event, const char *fmt, ...)
{
    char message[LOG_MESSAGE_BYTES];
    va_list args;

    if (!logger || !logger->emit) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    logger->emit(logger->ctx, level, event, message);
}
