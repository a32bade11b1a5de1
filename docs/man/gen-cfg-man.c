/* SPDX-License-Identifier: MIT */
/*
 * Makes chaos.cfg(5) from chaos.cfg.5.in and the table of keys, so that the
 * manual lists the keys that exist, and each where it belongs:
 *
 *     gen-cfg-man chaos.cfg.5.in > chaos.cfg.5
 *
 * A line of the template that is @SUPPORTED@, @IGNORED@ or @UNSUPPORTED@ is
 * replaced by the keys under this policy.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum policy {
    POLICY_SUPPORTED,
    POLICY_IGNORED,
    POLICY_UNSUPPORTED,
};

struct key {
    enum policy policy;
    const char *name;
    const char *synopsis; /* mdoc; of the supported ones */
    const char *text;     /* mdoc */
};

static const struct key keys[] = {
#define SUPPORTED(id, name, field, setter, synopsis, text)                     \
    { POLICY_SUPPORTED, name, synopsis, text },
#define IGNORED(name, why) { POLICY_IGNORED, name, NULL, why },
#define UNSUPPORTED(name, neutral, why) { POLICY_UNSUPPORTED, name, NULL, why },
#include "config/keys.def"
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static void print_supported(void)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].policy == POLICY_SUPPORTED)
            printf(".It Cm %s Ns = Ns %s\n%s", keys[i].name, keys[i].synopsis,
                   keys[i].text);
    }
}

static bool is_group(const struct key *a, const struct key *b)
{
    return a->policy == b->policy && strcmp(a->text, b->text) == 0;
}

/* Neighbours with the same reason share an item. */
static void print_groups(enum policy policy)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        bool is_last = i + 1 == KEY_COUNT || !is_group(&keys[i], &keys[i + 1]);

        if (keys[i].policy != policy)
            continue;
        /* Between Xo and Xc, a word of the text is never taken for a macro. */
        if (i == 0 || !is_group(&keys[i - 1], &keys[i]))
            printf(".It Xo\n%s\n.Xc\n", keys[i].text);
        printf(".Cm %s%s\n", keys[i].name, is_last ? "" : " ,");
    }
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    FILE *template;

    if (argc != 2)
        errx(2, "usage: gen-cfg-man chaos.cfg.5.in");
    template = fopen(argv[1], "re");
    if (!template)
        err(1, "%s", argv[1]);
    while (getline(&line, &size, template) >= 0) {
        if (strcmp(line, "@SUPPORTED@\n") == 0)
            print_supported();
        else if (strcmp(line, "@IGNORED@\n") == 0)
            print_groups(POLICY_IGNORED);
        else if (strcmp(line, "@UNSUPPORTED@\n") == 0)
            print_groups(POLICY_UNSUPPORTED);
        else
            fputs(line, stdout);
    }
    if (ferror(template))
        err(1, "%s", argv[1]);
    free(line);
    fclose(template);
    if (fflush(stdout) != 0)
        err(1, "stdout");
    return 0;
}
