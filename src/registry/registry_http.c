#include "registry/registry_http.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/base.h"

#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"

struct registry_http {
    char *urls[REGISTRY_URLS_MAX]; /**< without a slash at the end */
    size_t n_urls;
    size_t first; /**< the one that answered last */
    CURL *curl;
    struct curl_slist *headers;
    struct odk_buf url;
    struct odk_buf answer;
    uint64_t requests;
    uint64_t failures;
};

static size_t
take_answer(char *data, size_t size, size_t n, void *context)
{
    struct registry_http *http = context;

    odk_buf_put(&http->answer, data, size * n);
    return odk_buf_failed(&http->answer) ? 0 : size * n;
}

static int
add_url(struct registry_http *http, struct odk_str url, struct odk_err *err)
{
    while (url.len && (url.ptr[0] == ' ' || url.ptr[0] == '\t')) {
        url = odk_str_from(url, 1);
    }
    while (url.len && strchr(" \t/", url.ptr[url.len - 1])) {
        url.len--;
    }
    if (!odk_str_starts(url, ODK_STR("http://")) &&
        !odk_str_starts(url, ODK_STR("https://"))) {
        return odk_err_set(err, ODK_EINVAL,
                           "\"%.*s\" is no http:// or https:// URL",
                           ODK_STR_ARG(url));
    }
    if (http->n_urls == REGISTRY_URLS_MAX) {
        return odk_err_set(err, ODK_EINVAL, "more than %d URLs",
                           REGISTRY_URLS_MAX);
    }
    char *copy = strndup(url.ptr, url.len);
    if (!copy) {
        odk_out_of_memory();
    }
    http->urls[http->n_urls++] = copy;
    return 0;
}

static int
add_urls(struct registry_http *http, struct odk_str urls, struct odk_err *err)
{
    int ret = 0;

    while (ret == 0) {
        ptrdiff_t comma = odk_str_find(urls, ',');
        struct odk_str url = urls;
        url.len = comma < 0 ? urls.len : (size_t)comma;
        ret = add_url(http, url, err);
        if (comma < 0) {
            break;
        }
        urls = odk_str_from(urls, (size_t)comma + 1);
    }
    return ret;
}

static void
must(CURLcode code)
{
    /* Options of a known libcurl fail for want of memory only. */
    if (code != CURLE_OK) {
        odk_out_of_memory();
    }
}

static void
set_options(struct registry_http *http, const struct registry_options *options)
{
    CURL *curl = http->curl;

    must(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L));
    must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L));
    must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms));
    must(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                          (long)options->connect_ms));
    must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers));
    must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer));
    must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, http));
    if (options->user) {
        must(curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC));
        must(curl_easy_setopt(curl, CURLOPT_USERNAME, options->user));
        must(curl_easy_setopt(curl, CURLOPT_PASSWORD,
                              options->password ? options->password : ""));
    }
    if (options->ca_file) {
        must(curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file));
    }
}

static void
add_header(struct registry_http *http, const char *header)
{
    struct curl_slist *longer = curl_slist_append(http->headers, header);

    if (!longer) {
        odk_out_of_memory();
    }
    http->headers = longer;
}

int
registry_http_new(const struct registry_options *options,
                  struct registry_http **out, struct odk_err *err)
{
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return odk_err_set(err, ODK_EINTERNAL, "libcurl does not start");
    }
    struct registry_http *http = calloc(1, sizeof(*http));
    if (!http) {
        odk_out_of_memory();
    }
    odk_buf_init(&http->url, 0);
    odk_buf_init(&http->answer, options->response_bytes_max);
    int ret = add_urls(http, odk_str(options->urls ? options->urls : ""), err);
    if (ret < 0) {
        registry_http_free(http);
        return ret;
    }
    http->curl = curl_easy_init();
    if (!http->curl) {
        odk_out_of_memory();
    }
    add_header(http, "Accept: " MEDIA_TYPE ", application/json");
    add_header(http, "Content-Type: " MEDIA_TYPE);
    set_options(http, options);
    *out = http;
    return 0;
}

void
registry_http_free(struct registry_http *http)
{
    if (!http) {
        return;
    }
    curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    for (size_t i = 0; i < http->n_urls; i++) {
        free(http->urls[i]);
    }
    odk_buf_release(&http->url);
    odk_buf_release(&http->answer);
    free(http);
    curl_global_cleanup();
}

void
registry_http_put_segment(struct odk_buf *path, struct odk_str segment)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];
        if (c && strchr(plain, c)) {
            odk_buf_put_char(path, c);
        } else {
            odk_buf_printf(path, "%%%02X", (unsigned char)c);
        }
    }
}

static int
code_of(CURLcode code, const struct registry_http *http)
{
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return ODK_ETIMEOUT;
    }
    if (code == CURLE_WRITE_ERROR && odk_buf_failed(&http->answer)) {
        return ODK_ETOOBIG;
    }
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
        code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
        code == CURLE_GOT_NOTHING) {
        return ODK_ECONN;
    }
    return ODK_EIO;
}

/* One server. A URL may hold a password: messages name only its number. */
static int
ask_one(struct registry_http *http, size_t i, struct odk_str path,
        struct odk_str body, long *status, struct odk_err *err)
{
    CURL *curl = http->curl;

    odk_buf_clear(&http->answer);
    odk_buf_clear(&http->url);
    odk_buf_put_cstr(&http->url, http->urls[i]);
    odk_buf_put_str(&http->url, path);
    must(curl_easy_setopt(curl, CURLOPT_URL, http->url.ptr));
    if (body.ptr) {
        must(curl_easy_setopt(curl, CURLOPT_POST, 1L));
        must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr));
        must(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                              (curl_off_t)body.len));
    } else {
        must(curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L));
    }
    http->requests++;
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        return odk_err_set(err, code_of(code, http),
                           "schema registry (URL %zu of %zu): %s", i + 1,
                           http->n_urls, curl_easy_strerror(code));
    }
    must(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status));
    if (*status >= 500) {
        return odk_err_set(err, ODK_EAGAIN,
                           "schema registry (URL %zu of %zu): HTTP status %ld",
                           i + 1, http->n_urls, *status);
    }
    return 0;
}

int
registry_http_ask(struct registry_http *http, struct odk_str path,
                  struct odk_str body, long *status, struct odk_str *answer,
                  struct odk_err *err)
{
    int ret = ODK_EINTERNAL;

    *status = 0;
    *answer = ODK_STR("");
    for (size_t i = 0; i < http->n_urls; i++) {
        size_t at = (http->first + i) % http->n_urls;
        ret = ask_one(http, at, path, body, status, err);
        if (ret == 0) {
            http->first = at;
            *answer = odk_buf_str(&http->answer);
            return 0;
        }
        http->failures++;
    }
    return ret;
}

void
registry_http_count(const struct registry_http *http, uint64_t *requests,
                    uint64_t *failures)
{
    *requests = http->requests;
    *failures = http->failures;
}
