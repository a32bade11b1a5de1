/* SPDX-License-Identifier: MIT */
/*
 * Has src/store talk to a real xenstored, for the suite `store`:
 *
 *   store add TIMES PATH     adds 1 to what is there, in as many transactions,
 *                            and prints how many tries they took
 *   store fail PATH          writes it in a transaction that fails
 *   store burst COUNT PATH   writes so many nodes in directories below it,
 *                            in one run
 *   store make PATH OWNER READER   READER may be -1: nobody
 *   store release DOMID
 *   store introduce DOMID FRAME PORT
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 256

static struct chaos__store *store;

/* A job in a transaction. */
struct job {
    const char *path;
    unsigned long tries;
    int rc;
};

static int add(struct chaos__store *in, void *user, struct chaos_error *err)
{
    struct job *job = user;
    char value[24];
    int rc;

    job->tries++;
    chaos__store_read(in, job->path, value, sizeof(value));
    rc = chaos__store_run(in, err);
    chaos__store_write_number(in, job->path, strtoull(value, NULL, 10) + 1);
    return rc < 0 ? rc : job->rc;
}

static int add_often(unsigned long times, const char *path,
                     struct chaos_error *err)
{
    struct job job = { .path = path };
    int rc = 0;

    while (rc == 0 && times-- > 0)
        rc = chaos__store_transact(store, add, &job, err);
    printf("%lu\n", job.tries);
    return rc;
}

static int fail(const char *path, struct chaos_error *err)
{
    struct job job = { .path = path };

    job.rc = chaos__fail(err, CHAOS_EFAILED, "as it should");
    return chaos__store_transact(store, add, &job, NULL);
}

static int burst(unsigned long count, const char *path, struct chaos_error *err)
{
    char below[PATH_SIZE];

    for (; count > 0; count--) {
        snprintf(below, sizeof(below), "%s/%lu/%lu", path, count / 100,
                 count % 100);
        chaos__store_write_number(store, below, count);
    }
    return chaos__store_run(store, err);
}

static int make(const char *path, uint32_t owner, uint32_t reader,
                struct chaos_error *err)
{
    chaos__store_make(store, path);
    chaos__store_allow(store, path, owner, reader);
    return chaos__store_run(store, err);
}

static int execute(char **word, struct chaos_error *err)
{
    const char *command = word[0];
    unsigned long numbers[4] = { 0 };
    int i;

    for (i = 1; i < 4 && word[i]; i++)
        numbers[i] = strtoul(word[i], NULL, 10);
    if (strcmp(command, "add") == 0 && i == 3)
        return add_often(numbers[1], word[2], err);
    if (strcmp(command, "fail") == 0 && i == 2)
        return fail(word[1], err);
    if (strcmp(command, "burst") == 0 && i == 3)
        return burst(numbers[1], word[2], err);
    if (strcmp(command, "make") == 0 && i == 4)
        return make(word[1], (uint32_t)numbers[2], (uint32_t)numbers[3], err);
    if (strcmp(command, "release") == 0 && i == 2)
        chaos__store_release(store, (uint32_t)numbers[1]);
    else if (strcmp(command, "introduce") == 0 && i == 4)
        chaos__store_introduce(store, (uint32_t)numbers[1], numbers[2],
                               (uint32_t)numbers[3]);
    else
        return chaos__fail(err, CHAOS_EINVAL, "not understood");
    return chaos__store_run(store, err);
}

int main(int argc, char **argv)
{
    struct chaos_error err;
    struct chaos__hv *hv;
    int rc;

    if (argc < 2)
        return 2;
    rc = chaos__hv_open(NULL, NULL, &hv, &err);
    if (rc == 0)
        rc = chaos__store_open(hv, &store, &err);
    if (rc == 0)
        rc = execute(argv + 1, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    return rc < 0;
}
