/* SPDX-License-Identifier: MIT */
#include "store.h"

#include "burst.h"
#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a transaction: others change what it is about a few times, or without
 * end. */
#define TRIES_MAX 100
#define PAUSE_US                                                               \
    100 /* at most, after the first; then twice that, and so on                \
         */

struct chaos__store {
    struct chaos__wire wire;
    struct chaos__burst burst;
};

int chaos__store_open(struct chaos__hv *hv, struct chaos__store **store_r,
                      struct chaos_error *err)
{
    struct chaos__store *store = calloc(1, sizeof(*store));
    int rc;

    if (!store)
        return chaos__fail_memory(err);
    rc = chaos__wire_open(&store->wire, hv, err);
    if (rc < 0) {
        free(store);
        return rc;
    }
    *store_r = store;
    return 0;
}

void chaos__store_close(struct chaos__store *store)
{
    if (!store)
        return;
    chaos__wire_close(&store->wire);
    chaos__burst_free(&store->burst);
    free(store);
}

bool chaos__store_is_broken(const struct chaos__store *store)
{
    return store->wire.is_broken;
}

/* ------------------------------------------------------------- queueing */

/* A request whose answer says no more than whether it was done. */
static void tell(struct chaos__store *store, enum chaos__wire_type type,
                 const char *path, const char *more, size_t more_length)
{
    chaos__burst_add(&store->burst, type, path, more, more_length);
}

/* One whose answer goes to the caller; "" until it has come. */
static void ask(struct chaos__store *store, enum chaos__wire_type type,
                const char *path, char *value, size_t size)
{
    struct chaos__request *request =
        chaos__burst_add(&store->burst, type, path, NULL, 0);

    value[0] = '\0';
    if (!request)
        return;
    request->value = value;
    request->size = size;
}

/* A value is sent without a NUL, all else with one. */
void chaos__store_write(struct chaos__store *store, const char *path,
                        const char *value)
{
    tell(store, CHAOS__WIRE_WRITE, path, value, strlen(value));
}

void chaos__store_write_number(struct chaos__store *store, const char *path,
                               uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    chaos__store_write(store, path, text);
}

void chaos__store_make(struct chaos__store *store, const char *path)
{
    tell(store, CHAOS__WIRE_MKDIR, path, NULL, 0);
}

/* The first is the owner, and what those may who are not named: n, nothing. */
void chaos__store_allow(struct chaos__store *store, const char *path,
                        uint32_t owner, uint32_t reader)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "n%" PRIu32 "%cr%" PRIu32, owner,
                          '\0', reader);

    if (reader == CHAOS__STORE_NOBODY)
        length = (int)strlen(text);
    tell(store, CHAOS__WIRE_SET_PERMS, path, text, (size_t)length + 1);
}

void chaos__store_remove(struct chaos__store *store, const char *path)
{
    tell(store, CHAOS__WIRE_RM, path, NULL, 0);
}

void chaos__store_read(struct chaos__store *store, const char *path,
                       char *value, size_t size)
{
    ask(store, CHAOS__WIRE_READ, path, value, size);
}

void chaos__store_list(struct chaos__store *store, const char *path,
                       char *names, size_t size)
{
    ask(store, CHAOS__WIRE_DIRECTORY, path, names, size);
}

void chaos__store_watch(struct chaos__store *store, const char *path,
                        const char *token)
{
    tell(store, CHAOS__WIRE_WATCH, path, token, strlen(token) + 1);
}

void chaos__store_unwatch(struct chaos__store *store, const char *path,
                          const char *token)
{
    tell(store, CHAOS__WIRE_UNWATCH, path, token, strlen(token) + 1);
}

/* A domain's number stands where others have their path. */
static void tell_of(struct chaos__store *store, enum chaos__wire_type type,
                    uint32_t domid, const char *more, size_t more_length)
{
    char text[16];

    snprintf(text, sizeof(text), "%" PRIu32, domid);
    tell(store, type, text, more, more_length);
}

void chaos__store_introduce(struct chaos__store *store, uint32_t domid,
                            uint64_t frame, uint32_t port)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "%" PRIu64 "%c%" PRIu32, frame,
                          '\0', port);

    tell_of(store, CHAOS__WIRE_INTRODUCE, domid, text, (size_t)length + 1);
}

void chaos__store_release(struct chaos__store *store, uint32_t domid)
{
    tell_of(store, CHAOS__WIRE_RELEASE, domid, NULL, 0);
}

int chaos__store_run(struct chaos__store *store, struct chaos_error *err)
{
    return chaos__burst_run(&store->burst, &store->wire, err);
}

int chaos__store_send(struct chaos__store *store, struct chaos_error *err)
{
    return chaos__burst_send(&store->burst, &store->wire, err);
}

/* ---------------------------------------------------------- transactions */

/* A transaction's number is a decimal one, and not 0. */
static int start(struct chaos__store *store, struct chaos_error *err)
{
    unsigned long long number;
    char text[16], *behind;
    int rc;

    ask(store, CHAOS__WIRE_START, "", text, sizeof(text));
    rc = chaos__store_run(store, err);
    if (rc < 0)
        return rc;
    number = strtoull(text, &behind, 10);
    if (text[0] < '0' || text[0] > '9' || *behind || number == 0 ||
        number > UINT32_MAX) {
        store->wire.is_broken = true; /* it has begun, and cannot be ended */
        return chaos__wire_fail(err);
    }
    store->burst.transaction = (uint32_t)number;
    return 0;
}

static int end(struct chaos__store *store, bool commit, struct chaos_error *err)
{
    int rc = 0;

    if (!store->wire.is_broken) {
        tell(store, CHAOS__WIRE_END, commit ? "T" : "F", NULL, 0);
        rc = chaos__store_run(store, err);
    }
    store->burst.transaction = 0;
    return rc;
}

static int try_once(struct chaos__store *store, chaos__store_work_fn work,
                    void *user, struct chaos_error *err)
{
    int rc;

    store->burst.has_conflict = false;
    rc = start(store, err);
    if (rc < 0)
        return rc;
    rc = work(store, user, err);
    if (rc == 0)
        rc = chaos__store_run(store, err);
    chaos__burst_drop(&store->burst);
    if (rc == 0 && !store->burst.has_conflict)
        return end(store, true, err);
    end(store, false, NULL);
    return rc;
}

/* Two that try at the same pace can do so for ever, and one of them in vain:
 * it comes in another moment each time. */
static void lose_step(int tries)
{
    chaos__sleep_us(chaos__now_us() % (tries * PAUSE_US));
}

int chaos__store_transact(struct chaos__store *store, chaos__store_work_fn work,
                          void *user, struct chaos_error *err)
{
    struct chaos_error error = { 0 }; /* of a try that may not be the last */
    int tries, rc;

    for (tries = 0; tries < TRIES_MAX; tries++) {
        rc = try_once(store, work, user, &error);
        if (!store->burst.has_conflict || store->wire.is_broken) {
            if (rc < 0 && err)
                *err = error;
            return rc;
        }
        lose_step(tries + 1);
    }
    return chaos__fail(err, CHAOS_EBUSY,
                       "XenStore is too busy: %d times others changed what "
                       "was to be written; try again",
                       tries);
}

/* --------------------------------------------------------------- events */

void chaos__store_forget_events(struct chaos__store *store)
{
    chaos__wire_forget_events(&store->wire);
}

int chaos__store_fd(const struct chaos__store *store)
{
    return chaos__hv_store_fd(store->wire.stream);
}

int chaos__store_wait(struct chaos__store *store, int timeout_ms, char *token,
                      size_t size, struct chaos_error *err)
{
    return chaos__wire_wait(&store->wire, timeout_ms, token, size, err);
}
