/* SPDX-License-Identifier: MIT */
/*
 * What xenstored says is the fuzzer's: the first byte tells how much comes at
 * a time and how it ends, the rest is the stream.
 */
#include "fake_hv.h"
#include "fake_store.h"

#include "store/store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
    if (strnlen(text, size) == size)
        abort();
}

/* One burst with what devices ask for, and what may come behind it. */
static void talk(struct chaos__store *store)
{
    char large[CHAOS__STORE_PAYLOAD_MAX + 1], small[4], token[8];
    struct chaos_error err;
    unsigned i;
    int rc;

    chaos__store_watch(store, "/a", "t");
    chaos__store_read(store, "/a", large, sizeof(large));
    chaos__store_read(store, "/a", small, sizeof(small));
    chaos__store_write(store, "/a", "1");
    chaos__store_unwatch(store, "/a", "t");
    chaos__store_remove(store, "/a");
    rc = chaos__store_run(store, &err);
    check_text(large, sizeof(large));
    check_text(small, sizeof(small));
    if (rc < 0)
        check_text(err.message, sizeof(err.message));
    for (i = 0; i < 3 && !chaos__store_is_broken(store); i++) {
        chaos__store_forget_events(store);
        rc = chaos__store_wait(store, 1, token, sizeof(token), &err);
        if (rc > 0)
            check_text(token, sizeof(token));
        chaos__store_write(store, "/a", "1");
        chaos__store_run(store, &err);
    }
}

static int write_and_list(struct chaos__store *store, void *user,
                          struct chaos_error *err)
{
    char names[8];
    int rc;

    (void)user;
    chaos__store_write(store, "/a", "1");
    chaos__store_list(store, "/a", names, sizeof(names));
    rc = chaos__store_run(store, err);
    check_text(names, sizeof(names));
    chaos__store_make(store, "/b");
    return rc;
}

/* What guests need besides. */
static void talk_of_guests(struct chaos__store *store)
{
    struct chaos_error err;
    int rc;

    chaos__store_make(store, "/a");
    chaos__store_allow(store, "/a", 0, 1);
    chaos__store_introduce(store, 1, 1, 1);
    chaos__store_release(store, 1);
    rc = chaos__store_run(store, &err);
    if (rc < 0)
        check_text(err.message, sizeof(err.message));
    if (chaos__store_is_broken(store))
        return;
    rc = chaos__store_transact(store, write_and_list, NULL, &err);
    if (rc < 0)
        check_text(err.message, sizeof(err.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chaos__store *store;
    struct chaos__hv *hv;

    if (size == 0)
        return 0;
    fake_store_set_chunk(data[0] >> 1);
    fake_store_speak(data + 1, size - 1, data[0] & 1);
    if (chaos__hv_open(NULL, NULL, &hv, NULL) < 0 ||
        chaos__store_open(hv, &store, NULL) < 0)
        abort();
    talk(store);
    if (!chaos__store_is_broken(store))
        talk_of_guests(store);
    chaos__store_close(store);
    chaos__hv_close(hv);
    return 0;
}
