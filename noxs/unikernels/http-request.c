/* SPDX-License-Identifier: MIT */
#include "http-request.h"

#include <stdbool.h>

static bool matches(const char *text, size_t length, size_t i, char c)
{
    return i < length && text[i] == c;
}

static void next_part(struct http_request *r)
{
    r->part++;
    r->part_length = 0;
}

static bool read_method(struct http_request *r, char c)
{
    if (r->part_length == 3 && c == ' ')
        next_part(r);
    else if (!matches("GET", 3, r->part_length++, c))
        return false;
    return true;
}

static bool read_path(struct http_request *r, char c)
{
    size_t i = r->part_length;

    if (c == ' ' && i) {
        r->path[i <= HTTP_PATH_MAX ? i : 0] = '\0';
        next_part(r);
        return true;
    }
    if (c <= ' ' || c > '~' || (!i && c != '/'))
        return false;
    if (i < HTTP_PATH_MAX)
        r->path[i] = c;
    r->part_length++;
    return true;
}

/* The numbers may be any: who knows more than we do has to know less too. */
static bool read_version(struct http_request *r, char c)
{
    size_t i = r->part_length++;

    if (i < 5)
        return matches("HTTP/", 5, i, c);
    if (c == '\n')
        next_part(r);
    else if (c != '.' && c != '\r' && (c < '0' || c > '9'))
        return false;
    return true;
}

/* True at the empty line. */
static bool read_field(struct http_request *r, char c)
{
    if (c == '\n') {
        if (!r->part_length)
            return true;
        r->part_length = 0;
    } else if (c != '\r') {
        r->part_length++;
    }
    return false;
}

enum http_result http_request_read(struct http_request *r, const char *data,
                                   size_t length)
{
    for (; length; data++, length--) {
        bool ok = true;

        if (++r->bytes > HTTP_BYTES_MAX)
            return HTTP_BAD;
        switch (r->part) {
        case HTTP_METHOD:
            ok = read_method(r, *data);
            break;
        case HTTP_PATH:
            ok = read_path(r, *data);
            break;
        case HTTP_VERSION:
            ok = read_version(r, *data);
            break;
        case HTTP_FIELDS:
            if (read_field(r, *data))
                return HTTP_GET;
        }
        if (!ok)
            return HTTP_BAD;
    }
    return HTTP_UNFINISHED;
}
