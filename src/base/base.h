#ifndef BASE_BASE_H
#define BASE_BASE_H

/*
 * The whole of room `base`: what every other room may use. No clock, file,
 * socket, global or log in here; time and randomness are arguments.
 */

#include "base/base_arena.h"
#include "base/base_assert.h"
#include "base/base_buf.h"
#include "base/base_digest.h"
#include "base/base_err.h"
#include "base/base_hash.h"
#include "base/base_log.h"
#include "base/base_map.h"
#include "base/base_rand.h"
#include "base/base_str.h"
#include "base/base_time.h"
#include "base/base_trace.h"
#include "base/base_uuid.h"

#define ODK_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
