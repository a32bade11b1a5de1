/* SPDX-License-Identifier: MIT */
/*
 * Reads requests of HTTP/1.0 (RFC 1945) as their bytes come in, in memory that
 * does not grow with them.  It must not know about connections, nor what there
 * is to be had.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stddef.h>

#define HTTP_PATH_MAX 63    /* a longer one is read as if it was "" */
#define HTTP_BYTES_MAX 8192 /* of a request and its header fields */

enum http_result {
    HTTP_UNFINISHED, /* it needs more bytes */
    HTTP_GET,        /* of `path` */
    HTTP_BAD,        /* no request, too long, or another method */
};

struct http_request {
    enum {
        HTTP_METHOD,
        HTTP_PATH,
        HTTP_VERSION,
        HTTP_FIELDS
    } part;
    size_t part_length; /* bytes read of it; of the fields, of one line */
    size_t bytes;       /* of all */
    char path[HTTP_PATH_MAX + 1];
};

/* Takes the next bytes; the request starts as all 0, and once this has
 * returned another thing than HTTP_UNFINISHED, no more bytes are given to it.
 */
enum http_result http_request_read(struct http_request *request,
                                   const char *data, size_t length);

#endif
