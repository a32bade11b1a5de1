/* SPDX-License-Identifier: MIT */
/*
 * A guest from a program of one's own: creates one, lists what runs, destroys
 * it again.
 *
 *     cc -o embed embed.c $(pkg-config --cflags --libs libchaos)
 *     ./embed KERNEL
 */
#include <chaos/chaos.h>

#include <stdio.h>
#include <stdlib.h>

static void print_warning(void *user, enum chaos_log_level level,
                          const char *message)
{
    (void)user;
    (void)level;
    fprintf(stderr, "embed: %s\n", message);
}

static int list(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_guest_info *guests;
    size_t count, i;

    if (chaos_guest_list(chaos, &guests, &count, err) < 0)
        return -1;
    for (i = 0; i < count; i++)
        printf("%u %s %llu KiB\n", (unsigned)guests[i].domid, guests[i].name,
               (unsigned long long)guests[i].memory_kb);
    free(guests);
    return 0;
}

static int run(struct chaos *chaos, const char *kernel, struct chaos_error *err)
{
    struct chaos_config *config;
    char text[4200];
    uint32_t domid;
    int rc;

    snprintf(text, sizeof(text),
             "name=\"embedded\"\ntype=\"pvh\"\nmemory=4\nkernel=\"%s\"\n",
             kernel);
    if (chaos_config_parse(chaos, text, "embed", &config, err) < 0)
        return -1;
    rc = chaos_guest_create(chaos, config, 0, &domid, err);
    chaos_config_free(config);
    if (rc < 0)
        return -1;
    rc = list(chaos, err);
    if (chaos_guest_destroy(chaos, domid, rc < 0 ? NULL : err) < 0)
        rc = -1;
    return rc;
}

int main(int argc, char **argv)
{
    struct chaos_options options = { .log = print_warning };
    struct chaos_error err;
    struct chaos *chaos;
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: embed KERNEL\n");
        return 2;
    }
    if (chaos_open(&options, &chaos, &err) < 0) {
        fprintf(stderr, "embed: %s\n", err.message);
        return 1;
    }
    rc = run(chaos, argv[1], &err);
    if (rc < 0)
        fprintf(stderr, "embed: %s\n", err.message);
    chaos_close(chaos);
    return rc < 0;
}
