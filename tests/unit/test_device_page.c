/* SPDX-License-Identifier: MIT */
/*
 * The device page, and what docs/noxs.md says of it: whoever writes a guest's
 * kit goes by that page, so its example is compared with what is written, and
 * its tables with the header.
 */
#include "fake_hv.h"
#include "fake_store.h"
#include "noxs/abi/noxs.h"
#include "support.h"

#include "build/device_page.h"
#include "build/shell.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Unit tests are started in the repository's root. */
#define DOCUMENT "docs/noxs.md"

/* The example's guest, in the words of the document. */
#define EXAMPLE_VIF "mac=00:16:3e:01:02:03,ip=10.0.120.10/24,gw=10.0.120.1"
#define EXAMPLE_DISK_BYTES (64 * 1024 * 1024)
#define EXAMPLE_FRAME(n) (0x3f9u + (n)) /* rings, then special pages */

static char *document;

static int setup(void **state)
{
    FILE *file = fopen(DOCUMENT, "r");
    size_t size;

    (void)state;
    document = calloc(1, 1 << 20);
    if (!file || !document) {
        fprintf(stderr, DOCUMENT ": %s\n", strerror(errno));
        return -1;
    }
    size = fread(document, 1, (1 << 20) - 1, file);
    fclose(file);
    return size > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(document);
    return 0;
}

/* ------------------------------------------------------------- the document */

/* A line of the document without its newline; NULL behind the last. */
struct line {
    const char *at, *next;
    char text[256];
};

static bool next_line(struct line *line)
{
    size_t length;

    if (!*line->next)
        return false;
    line->at = line->next;
    length = strcspn(line->at, "\n");
    snprintf(line->text, sizeof(line->text), "%.*s", (int)length, line->at);
    line->next = line->at + length + (line->at[length] == '\n');
    return true;
}

/* The line of a heading: a section's lines follow. */
static struct line section(const char *heading)
{
    struct line line = { .next = document };

    while (next_line(&line))
        if (strcmp(line.text, heading) == 0)
            return line;
    fail_msg(DOCUMENT ": no section \"%s\"", heading);
    return line;
}

static bool next_in_section(struct line *line)
{
    return next_line(line) && *line->text != '#';
}

/* ------------------------------------------------------------- the example */

/* "    0040  16 bytes  explanation": false for other lines. */
static bool parse_dump(const char *text, unsigned *offset_r, uint8_t bytes[16])
{
    unsigned value, i;
    int length = 0;

    if (sscanf(text, "    %4x  %n", offset_r, &length) != 1 || length != 10)
        return false;
    text += length;
    for (i = 0; i < 16; i++) {
        if (sscanf(text, "%2x%n", &value, &length) != 1 || length != 2)
            return false;
        bytes[i] = (uint8_t)value;
        text += length;
        text += strspn(text, " ");
    }
    return true;
}

/* The example as a page: lines that are not there are zeros. */
static void read_example(uint8_t page[NOXS_PAGE_SIZE])
{
    struct line line = section("## An example");
    unsigned offset, end = 0;
    uint8_t bytes[16];

    memset(page, 0, NOXS_PAGE_SIZE);
    while (next_in_section(&line)) {
        if (!parse_dump(line.text, &offset, bytes))
            continue;
        if (offset < end || offset % 16 || offset > NOXS_PAGE_SIZE - 16)
            fail_msg(DOCUMENT ": %s", line.text);
        memcpy(page + offset, bytes, sizeof(bytes));
        end = offset + 16;
    }
    assert_true(end > 0);
}

static void assert_example(const uint8_t *page)
{
    uint8_t example[NOXS_PAGE_SIZE];
    unsigned at, i;
    bool same = true;

    read_example(example);
    for (at = 0; at < NOXS_PAGE_SIZE; at += 16) {
        if (memcmp(page + at, example + at, 16) == 0)
            continue;
        same = false;
        fprintf(stderr, "    %04x  ", at);
        for (i = 0; i < 16; i++)
            fprintf(stderr, "%02x%s", page[at + i], i == 7 ? "  " : " ");
        fprintf(stderr, " is not in " DOCUMENT "\n");
    }
    assert_true(same);
}

static struct chaos__ring ring(unsigned n)
{
    return (struct chaos__ring){ EXAMPLE_FRAME(n), CHAOS__GRANT_FIRST + n };
}

static void writes_the_example(void **state)
{
    struct chaos__vif vif = {
        .ipv4 = { 10, 0, 120, 10 },
        .prefix = 24,
        .gateway = { 10, 0, 120, 1 },
    };
    struct chaos__disk disk = {
        .access = CHAOS__DISK_WRITE,
        .vdev_number = 51712,
    };
    struct chaos_config config = { .vifs = &vif, .disks = &disk };
    struct chaos__devices devices = {
        .config = &config,
        .noxs = true,
        .net_count = 1,
        .block_count = 1,
        .nets = { { .mac = { 0x00, 0x16, 0x3e, 1, 2, 3 },
                    .mtu = 1500,
                    .port = 3,
                    .tx = ring(0),
                    .rx = ring(1) } },
        .blocks = { { .port = 4,
                      .ring = ring(2),
                      .sectors = EXAMPLE_DISK_BYTES / 512,
                      .sector_size = 512,
                      .can_flush = true,
                      .can_discard = true } },
    };
    struct chaos__shell shell = {
        .type = CHAOS__TYPE_PVH,
        .noxs = true,
        .devices = &devices,
        .console_port = 1,
        .control_port = 2,
        .control_frame = EXAMPLE_FRAME(4),
        .console_frame = EXAMPLE_FRAME(6),
    };
    uint8_t page[NOXS_PAGE_SIZE] = { 0 };

    (void)state;
    chaos__device_page_write(page, &shell);
    assert_example(page);
}

/* What is there when such a guest has been created. */
static void a_guest_finds_the_example(void **state)
{
    struct support_world *world = support_world_new();
    char *disk = support_disk(world, "disk.img", EXAMPLE_DISK_BYTES);
    struct chaos_config *config;
    struct chaos_error err;
    uint8_t page[NOXS_PAGE_SIZE];
    char more[512];
    uint32_t domid;
    uint64_t frame;

    (void)state;
    snprintf(more, sizeof(more),
             "vif=['" EXAMPLE_VIF "']\ndisk=['%s,raw,xvda,rw']\n", disk);
    config = support_config(world, "example", "pvh", world->noxs_kernel, more);
    if (chaos_guest_create(world->chaos, config, 0, &domid, &err) < 0)
        fail_msg("%s", err.message);
    frame = fake_hv_domain(domid).params[CHAOS__HV_STORE_PFN];
    assert_int_equal(frame, EXAMPLE_FRAME(5));
    assert_true(
        fake_hv_read(domid, frame * CHAOS__PAGE_SIZE, page, sizeof(page)));
    assert_example(page);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
    chaos_config_free(config);
    free(disk);
    support_world_free(world);
}

/* ------------------------------------------------------------- the tables */

struct field {
    const char *name;
    size_t offset, size;
};

#define FIELD(type, field)                                                     \
    {                                                                          \
        .name = #field, .offset = offsetof(struct type, field),                \
        .size = sizeof(((struct type *)0)->field),                             \
    }

/* Its rows are these fields, and all of them. */
static void assert_table(const char *heading, const struct field *fields,
                         size_t count)
{
    struct line line = section(heading);
    unsigned offset, size;
    char name[32];
    size_t i = 0;

    while (next_in_section(&line)) {
        if (sscanf(line.text, "| %u | %u | `%31[a-z0-9_]`", &offset, &size,
                   name) != 3)
            continue;
        if (i == count || strcmp(name, fields[i].name) != 0 ||
            offset != fields[i].offset || size != fields[i].size)
            fail_msg(DOCUMENT ": %s: %s", heading, line.text);
        i++;
    }
    if (i != count)
        fail_msg(DOCUMENT ": %s: no %s", heading, fields[i].name);
}

#define ASSERT_TABLE(heading, ...)                                             \
    do {                                                                       \
        static const struct field fields[] = { __VA_ARGS__ };                  \
        assert_table(heading, fields, sizeof(fields) / sizeof(fields[0]));     \
    } while (0)

static void tables_of_the_device_page(void **state)
{
    (void)state;
    ASSERT_TABLE("### The header", FIELD(noxs_page, magic),
                 FIELD(noxs_page, version), FIELD(noxs_page, generation),
                 FIELD(noxs_page, entry_count), FIELD(noxs_page, control_port),
                 FIELD(noxs_page, control_frame), FIELD(noxs_page, grants_used),
                 FIELD(noxs_page, incarnation), FIELD(noxs_page, reserved));
    ASSERT_TABLE("### Entries", FIELD(noxs_entry, type),
                 FIELD(noxs_entry, size), FIELD(noxs_entry, id),
                 FIELD(noxs_entry, backend), FIELD(noxs_entry, features));
    ASSERT_TABLE("### The console", FIELD(noxs_console, features),
                 FIELD(noxs_console, port), FIELD(noxs_console, ring_frame),
                 FIELD(noxs_console, reserved));
    ASSERT_TABLE("### A network interface", FIELD(noxs_net, features),
                 FIELD(noxs_net, tx_ref), FIELD(noxs_net, rx_ref),
                 FIELD(noxs_net, tx_port), FIELD(noxs_net, rx_port),
                 FIELD(noxs_net, reserved), FIELD(noxs_net, tx_frame),
                 FIELD(noxs_net, rx_frame), FIELD(noxs_net, mac),
                 FIELD(noxs_net, mtu), FIELD(noxs_net, ipv4),
                 FIELD(noxs_net, gateway), FIELD(noxs_net, prefix),
                 FIELD(noxs_net, reserved2), FIELD(noxs_net, reserved3));
    ASSERT_TABLE("### A disk", FIELD(noxs_block, features),
                 FIELD(noxs_block, ring_ref), FIELD(noxs_block, port),
                 FIELD(noxs_block, sector_size), FIELD(noxs_block, ring_frame),
                 FIELD(noxs_block, sectors), FIELD(noxs_block, vdev),
                 FIELD(noxs_block, max_indirect), FIELD(noxs_block, reserved));
}

static void table_of_the_control_page(void **state)
{
    (void)state;
    ASSERT_TABLE(
        "## The control page", FIELD(noxs_control, request),
        FIELD(noxs_control, serial), FIELD(noxs_control, answered),
        FIELD(noxs_control, answer), FIELD(noxs_control, argument),
        FIELD(noxs_control, value), FIELD(noxs_control, toolstack_reserved),
        FIELD(noxs_control, acknowledged), FIELD(noxs_control, status),
        FIELD(noxs_control, code), FIELD(noxs_control, result),
        FIELD(noxs_control, up_ns), FIELD(noxs_control, guest_request),
        FIELD(noxs_control, guest_serial), FIELD(noxs_control, guest_argument),
        FIELD(noxs_control, guest_reserved));
}

static void assert_constant(const char *name, unsigned value)
{
    char row[64];

    snprintf(row, sizeof(row), "\n| %u | `%s` |", value, name);
    if (!strstr(document, row))
        fail_msg(DOCUMENT ": no row \"%s\"", row + 1);
}

#define ASSERT_CONSTANT(name) assert_constant(#name, name)

static void tables_of_constants(void **state)
{
    (void)state;
    ASSERT_CONSTANT(NOXS_TYPE_SPARE);
    ASSERT_CONSTANT(NOXS_TYPE_CONSOLE);
    ASSERT_CONSTANT(NOXS_TYPE_NET);
    ASSERT_CONSTANT(NOXS_TYPE_BLOCK);
    ASSERT_CONSTANT(NOXS_TYPE_9P);
    ASSERT_CONSTANT(NOXS_NET_SPLIT_PORTS);
    ASSERT_CONSTANT(NOXS_NET_SG);
    ASSERT_CONSTANT(NOXS_NET_TX_CSUM);
    ASSERT_CONSTANT(NOXS_NET_RX_CSUM);
    ASSERT_CONSTANT(NOXS_BLOCK_READ_ONLY);
    ASSERT_CONSTANT(NOXS_BLOCK_FLUSH);
    ASSERT_CONSTANT(NOXS_BLOCK_DISCARD);
    ASSERT_CONSTANT(NOXS_BLOCK_CDROM);
    ASSERT_CONSTANT(NOXS_REQUEST_NONE);
    ASSERT_CONSTANT(NOXS_REQUEST_POWEROFF);
    ASSERT_CONSTANT(NOXS_REQUEST_REBOOT);
    ASSERT_CONSTANT(NOXS_REQUEST_SUSPEND);
    ASSERT_CONSTANT(NOXS_REQUEST_HALT);
    ASSERT_CONSTANT(NOXS_REQUEST_FORK);
    ASSERT_CONSTANT(NOXS_REQUEST_DEVICES);
    ASSERT_CONSTANT(NOXS_STATUS_BOOTING);
    ASSERT_CONSTANT(NOXS_STATUS_UP);
    ASSERT_CONSTANT(NOXS_STATUS_GOING_DOWN);
    ASSERT_CONSTANT(NOXS_STATUS_CRASHED);
    ASSERT_CONSTANT(NOXS_RESULT_DONE);
    ASSERT_CONSTANT(NOXS_RESULT_REFUSED);
    ASSERT_CONSTANT(NOXS_RESULT_UNKNOWN);
    ASSERT_CONSTANT(NOXS_GUEST_REQUEST_NONE);
    ASSERT_CONSTANT(NOXS_GUEST_REQUEST_FORK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_example),
        cmocka_unit_test(a_guest_finds_the_example),
        cmocka_unit_test(tables_of_the_device_page),
        cmocka_unit_test(table_of_the_control_page),
        cmocka_unit_test(tables_of_constants),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
