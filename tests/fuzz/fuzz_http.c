/* SPDX-License-Identifier: MIT */
/* A request of any bytes: however it is cut up, the same is read, and nothing
 * that was not in it. */
#include "noxs/unikernels/http-request.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static enum http_result read_in_pieces(struct http_request *request,
                                       const char *text, size_t length,
                                       size_t piece)
{
    enum http_result result = HTTP_UNFINISHED;

    memset(request, 0, sizeof(*request));
    while (length && result == HTTP_UNFINISHED) {
        if (piece > length)
            piece = length;
        result = http_request_read(request, text, piece);
        text += piece;
        length -= piece;
    }
    return result;
}

/* `text` ends in a null. */
static void check_get(const struct http_request *request, const char *text)
{
    size_t length = strlen(request->path);

    must(strncmp(text, "GET /", 5) == 0);
    must(strstr(text, " HTTP/") && strchr(text, '\n'));
    if (length)
        must(memcmp(text + 4, request->path, length) == 0 &&
             text[4 + length] == ' ');
    else
        must(strchr(text + 4, ' ') > text + 4 + HTTP_PATH_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request whole, pieces;
    enum http_result result;
    char *text;

    if (!size)
        return 0;
    text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    result = read_in_pieces(&whole, text, size - 1, size);
    must(result == read_in_pieces(&pieces, text, size - 1, data[0] % 16 + 1));
    must(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    if (result == HTTP_GET)
        check_get(&whole, text);
    free(text);
    return 0;
}
