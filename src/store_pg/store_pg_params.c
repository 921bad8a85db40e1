#include <limits.h>

#include "store_pg/store_pg_priv.h"

/* Types in array headers (catalog/pg_type.dat: fixed for ever). */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_TIMESTAMPTZ = 1184,
    OID_UUID = 2950,
};

/* PostgreSQL counts microseconds from 2000-01-01. */
#define EPOCH_2000_MS INT64_C(946684800000)
/* Beyond these a point in time is infinity: milliseconds that still fit. */
#define TIME_MS_MAX (INT64_MAX / 1000 + EPOCH_2000_MS - 1)
#define TIME_MS_MIN (INT64_MIN / 1000 + EPOCH_2000_MS + 1)

static void
store_be32(char *to, uint32_t value)
{
    to[0] = (char)(value >> 24);
    to[1] = (char)(value >> 16);
    to[2] = (char)(value >> 8);
    to[3] = (char)value;
}

static uint32_t
load_be32(const char *from)
{
    const unsigned char *p = (const unsigned char *)from;

    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           (uint32_t)p[3];
}

static uint64_t
load_be64(const char *from)
{
    return (uint64_t)load_be32(from) << 32 | load_be32(from + 4);
}

static void
put_be32(struct odk_buf *buf, uint32_t value)
{
    char *to = odk_buf_reserve(buf, 4);

    if (to != NULL) {
        store_be32(to, value);
        odk_buf_commit(buf, 4);
    }
}

static void
put_be64(struct odk_buf *buf, uint64_t value)
{
    char *to = odk_buf_reserve(buf, 8);

    if (to != NULL) {
        store_be32(to, (uint32_t)(value >> 32));
        store_be32(to + 4, (uint32_t)value);
        odk_buf_commit(buf, 8);
    }
}

int64_t
store_pg_from_u64(uint64_t value)
{
    odk_assert(value <= INT64_MAX);
    return (int64_t)value;
}

static int64_t
time_to_pg(odk_time_ms at)
{
    if (at > TIME_MS_MAX) {
        return INT64_MAX;
    }
    if (at < TIME_MS_MIN) {
        return INT64_MIN;
    }
    return (at - EPOCH_2000_MS) * 1000;
}

static odk_time_ms
time_from_pg(int64_t micros)
{
    if (micros == INT64_MAX) {
        return ODK_TIME_NEVER;
    }
    /* Rounded down, before 1970 too. */
    int64_t ms = micros / 1000 - (micros % 1000 < 0 ? 1 : 0);
    return ms + EPOCH_2000_MS;
}

/* One huge batch must not stay in memory for ever. */
#define KEPT_BYTES_MAX ((size_t)8 << 20)

void
store_pg_params_clear(struct store_pg_params *params)
{
    if (params->buf.size > KEPT_BYTES_MAX) {
        size_t cap_bytes = params->buf.cap_bytes;
        odk_buf_release(&params->buf);
        odk_buf_init(&params->buf, cap_bytes);
    }
    odk_buf_clear(&params->buf);
    params->n = 0;
}

static void
param_begin(struct store_pg_params *params)
{
    odk_assert(params->n < STORE_PG_PARAMS_MAX);
    params->at[params->n] = params->buf.len;
    params->is_null[params->n] = false;
}

static void
param_end(struct store_pg_params *params)
{
    params->len[params->n] = params->buf.len - params->at[params->n];
    params->n++;
}

void
store_pg_param_i32(struct store_pg_params *params, int32_t value)
{
    param_begin(params);
    put_be32(&params->buf, (uint32_t)value);
    param_end(params);
}

void
store_pg_param_i64(struct store_pg_params *params, int64_t value)
{
    param_begin(params);
    put_be64(&params->buf, (uint64_t)value);
    param_end(params);
}

void
store_pg_param_time(struct store_pg_params *params, odk_time_ms value)
{
    store_pg_param_i64(params, time_to_pg(value));
}

void
store_pg_param_bool(struct store_pg_params *params, bool value)
{
    param_begin(params);
    odk_buf_put_char(&params->buf, value ? 1 : 0);
    param_end(params);
}

void
store_pg_param_str(struct store_pg_params *params, struct odk_str value)
{
    param_begin(params);
    params->is_null[params->n] = value.ptr == NULL;
    odk_buf_put_str(&params->buf, value);
    param_end(params);
}

void
store_pg_param_uuid(struct store_pg_params *params,
                    const struct odk_uuid *value)
{
    param_begin(params);
    params->is_null[params->n] = value == NULL;
    if (value != NULL) {
        odk_buf_put(&params->buf, value->bytes, sizeof(value->bytes));
    }
    param_end(params);
}

/* ---- arrays ---- */

static uint32_t
element_type(enum store_pg_kind kind)
{
    switch (kind) {
    case STORE_PG_I32:
        return OID_INT4;
    case STORE_PG_I64:
        return OID_INT8;
    case STORE_PG_BOOL:
        return OID_BOOL;
    case STORE_PG_TEXT:
    case STORE_PG_TEXT_NULL:
        return OID_TEXT;
    case STORE_PG_BYTES:
    case STORE_PG_BYTES_NULL:
    case STORE_PG_DIGEST:
        return OID_BYTEA;
    case STORE_PG_UUID:
    case STORE_PG_UUID_NULL:
        return OID_UUID;
    case STORE_PG_TIME:
    case STORE_PG_TIME_NULL:
        return OID_TIMESTAMPTZ;
    }
    odk_assert(false);
    return 0;
}

static void
put_null(struct odk_buf *buf)
{
    put_be32(buf, UINT32_MAX);
}

static void
put_bytes(struct odk_buf *buf, const void *ptr, size_t len)
{
    if (len > INT_MAX) {
        buf->is_failed = true;
        return;
    }
    char *to = odk_buf_reserve(buf, 4 + len);
    if (to != NULL) {
        store_be32(to, (uint32_t)len);
        if (len > 0) {
            memcpy(to + 4, ptr, len);
        }
        odk_buf_commit(buf, 4 + len);
    }
}

static void
put_i64(struct odk_buf *buf, int64_t value)
{
    put_be32(buf, 8);
    put_be64(buf, (uint64_t)value);
}

static void
put_time(struct odk_buf *buf, odk_time_ms at, bool is_null_at_0)
{
    if (is_null_at_0 && at == 0) {
        put_null(buf);
    } else {
        put_i64(buf, time_to_pg(at));
    }
}

static void
put_str(struct odk_buf *buf, const void *at, bool is_nullable)
{
    struct odk_str value;

    memcpy(&value, at, sizeof(value));
    if (is_nullable && value.ptr == NULL) {
        put_null(buf);
    } else {
        put_bytes(buf, value.ptr, value.len);
    }
}

static void
put_number(struct odk_buf *buf, enum store_pg_kind kind, const void *at)
{
    if (kind == STORE_PG_BOOL) {
        put_be32(buf, 1);
        odk_buf_put_char(buf, *(const bool *)at ? 1 : 0);
    } else if (kind == STORE_PG_I32) {
        put_be32(buf, 4);
        put_be32(buf, (uint32_t) * (const int32_t *)at);
    } else {
        put_i64(buf, *(const int64_t *)at);
    }
}

static void
put_element(struct odk_buf *buf, const struct store_pg_column *column,
            const char *row)
{
    const void *at = row + column->offset;

    switch (column->kind) {
    case STORE_PG_I32:
    case STORE_PG_I64:
    case STORE_PG_BOOL:
        put_number(buf, column->kind, at);
        break;
    case STORE_PG_TEXT:
    case STORE_PG_BYTES:
        put_str(buf, at, false);
        break;
    case STORE_PG_TEXT_NULL:
    case STORE_PG_BYTES_NULL:
        put_str(buf, at, true);
        break;
    case STORE_PG_DIGEST:
        put_bytes(buf, at, ODK_SHA256_BYTES);
        break;
    case STORE_PG_UUID:
        put_bytes(buf, at, sizeof(struct odk_uuid));
        break;
    case STORE_PG_UUID_NULL:
        if (*(const bool *)(const void *)(row + column->flag_offset)) {
            put_bytes(buf, at, sizeof(struct odk_uuid));
        } else {
            put_null(buf);
        }
        break;
    case STORE_PG_TIME:
    case STORE_PG_TIME_NULL:
        put_time(buf, *(const odk_time_ms *)at,
                 column->kind == STORE_PG_TIME_NULL);
        break;
    }
}

static bool
is_nullable(enum store_pg_kind kind)
{
    return kind == STORE_PG_TEXT_NULL || kind == STORE_PG_BYTES_NULL ||
           kind == STORE_PG_UUID_NULL || kind == STORE_PG_TIME_NULL;
}

void
store_pg_param_columns(struct store_pg_params *params, const void *const *rows,
                       size_t n, const struct store_pg_column *columns,
                       size_t n_columns)
{
    odk_assert(n > 0 && n <= INT_MAX);
    for (size_t c = 0; c < n_columns; c++) {
        struct odk_buf *buf = &params->buf;
        param_begin(params);
        put_be32(buf, 1); /* dimensions */
        put_be32(buf, is_nullable(columns[c].kind) ? 1 : 0);
        put_be32(buf, element_type(columns[c].kind));
        put_be32(buf, (uint32_t)n);
        put_be32(buf, 1); /* lower bound */
        for (size_t i = 0; i < n; i++) {
            put_element(buf, &columns[c], rows[i]);
        }
        param_end(params);
    }
}

/* ---- results ---- */

/* The bytes of a field, or NULL. */
static const char *
field(const PGresult *result, int row, int col, int size)
{
    if (PQgetisnull(result, row, col)) {
        return NULL;
    }
    odk_assert(PQfformat(result, col) == 1);
    odk_assert(PQgetlength(result, row, col) == size);
    return PQgetvalue(result, row, col);
}

int32_t
store_pg_i32(const PGresult *result, int row, int col)
{
    const char *at = field(result, row, col, 4);

    return at ? (int32_t)load_be32(at) : 0;
}

int64_t
store_pg_i64(const PGresult *result, int row, int col)
{
    const char *at = field(result, row, col, 8);

    return at ? (int64_t)load_be64(at) : 0;
}

bool
store_pg_bool(const PGresult *result, int row, int col)
{
    const char *at = field(result, row, col, 1);

    return at ? *at != 0 : false;
}

odk_time_ms
store_pg_time(const PGresult *result, int row, int col)
{
    const char *at = field(result, row, col, 8);

    return at ? time_from_pg((int64_t)load_be64(at)) : 0;
}

struct odk_uuid
store_pg_uuid(const PGresult *result, int row, int col)
{
    struct odk_uuid id = {{0}};
    const char *at = field(result, row, col, sizeof(id.bytes));

    if (at != NULL) {
        memcpy(id.bytes, at, sizeof(id.bytes));
    }
    return id;
}

struct odk_str
store_pg_str(const PGresult *result, int row, int col)
{
    if (PQgetisnull(result, row, col)) {
        return (struct odk_str){NULL, 0};
    }
    return odk_str_n(PQgetvalue(result, row, col),
                     (size_t)PQgetlength(result, row, col));
}

bool
store_pg_copy(const PGresult *result, int row, int col, struct odk_arena *arena,
              struct odk_str *out)
{
    struct odk_str value = store_pg_str(result, row, col);

    *out = value;
    if (value.ptr == NULL) {
        return true;
    }
    *out = odk_arena_str(arena, value);
    return out->ptr != NULL;
}
