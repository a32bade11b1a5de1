/* SPDX-License-Identifier: MIT */
/* What parses must come back the same from its own text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <chaos/config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The configuration as text, or NULL if `text` is none. */
static char *reformat(const char *text)
{
    struct chaos_config *config;
    struct chaos_error err;
    char *formatted;

    if (chaos_config_parse(NULL, text, "fuzz", &config, &err) < 0)
        return NULL;
    chaos_config_check(config, &err);
    if (chaos_config_format(config, &formatted, &err) < 0)
        abort();
    chaos_config_free(config);
    return formatted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    char *once = reformat(text);
    char *twice = once ? reformat(once) : NULL;

    if (once && (!twice || strcmp(once, twice) != 0))
        abort();
    free(text);
    free(once);
    free(twice);
    return 0;
}
