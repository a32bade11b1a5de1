/* SPDX-License-Identifier: MIT */
/*
 * A plugin for QEMU: counts the instructions that are executed between two
 * marks, by where they are and by what the process had asked for.
 *
 *     -plugin FILE,symbols=SYMBOLS,out=OUT
 *
 * The marks are instructions that do nothing (mark.h).  SYMBOLS has a line
 * "ADDRESS NAME" for each place at which something else begins to be done:
 * entries of system calls, and of page faults.  Where NAME is "user" begins
 * with any instruction of a process; "return" is where a fault that the kernel
 * itself has had is over.
 *
 * OUT gets "runs N", how often there was a first mark, and a line for each
 * block of instructions and NAME: "NAME ADDRESS LENGTH TIMES".
 *
 * The declarations are those of QEMU's interface for plugins, version 1, which
 * Debian has no header of.
 */
#include "mark.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum {
    QEMU_PLUGIN_CB_NO_REGS
};
void qemu_plugin_register_vcpu_tb_trans_cb(
    qemu_plugin_id_t id,
    void (*translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *block));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
                                          void (*executed)(unsigned, void *),
                                          int flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*executed)(unsigned, void *),
                                            int flags, void *user);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                               char **argv);

#define PLACES_MAX 1024
#define NAMES_MAX 512
#define NAME_SIZE 64
#define DEPTH_MAX 16
#define USER 0
#define KERNEL_START (UINT64_C(1) << 63)

struct place {
    uint64_t address;
    unsigned name;
};

struct block {
    struct block *next;
    uint64_t address;
    unsigned length;
    int name; /* -1: goes on with what was done */
    bool returns;
    uint64_t counts[NAMES_MAX];
};

static const unsigned char mark_first[] = { MARK_FIRST };
static const unsigned char mark_last[] = { MARK_LAST };
static struct place places[PLACES_MAX];
static char names[NAMES_MAX][NAME_SIZE] = { "user", "return" };
static unsigned place_count, name_count = 2, runs;
static struct block *table[1 << 16]; /* by address */
static const char *out;
static bool armed;
static unsigned stack[DEPTH_MAX], depth; /* what is done; the last is on top */

static unsigned name_of(const char *name)
{
    unsigned i;

    for (i = 0; i < name_count && strcmp(names[i], name) != 0;)
        i++;
    if (i == name_count && name_count < NAMES_MAX)
        snprintf(names[name_count++], NAME_SIZE, "%s", name);
    return i;
}

static bool read_places(const char *path)
{
    FILE *file = fopen(path, "r");
    struct place *place;
    char name[NAME_SIZE];

    if (!file)
        return false;
    for (; place_count < PLACES_MAX; place_count++) {
        place = &places[place_count];
        if (fscanf(file, "%" SCNx64 " %63s", &place->address, name) != 2)
            break;
        place->name = name_of(name);
    }
    fclose(file);
    return place_count > 0;
}

/* --------------------------------------------------------------- executing */

static void on_first_mark(unsigned cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    armed = true;
    runs++;
    depth = 0;
    stack[0] = USER;
}

/* At each last mark: the lab ends QEMU by a signal, which it is not told of. */
static void write_out(void)
{
    FILE *file = fopen(out, "w");
    const struct block *block;
    unsigned slot, i;

    if (!file)
        abort();
    fprintf(file, "runs %u\n", runs);
    for (slot = 0; slot < sizeof(table) / sizeof(table[0]); slot++)
        for (block = table[slot]; block; block = block->next)
            for (i = 0; i < name_count; i++)
                if (block->counts[i])
                    fprintf(file, "%s %" PRIx64 " %u %" PRIu64 "\n", names[i],
                            block->address, block->length, block->counts[i]);
    fclose(file);
}

static void on_last_mark(unsigned cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    armed = false;
    write_out();
}

/* A fault of the kernel's own comes on top of what it was doing. */
static void begin(unsigned name)
{
    bool is_nested = strcmp(names[name], "page-fault") == 0;

    if (name == USER || !is_nested)
        depth = 0;
    else if (stack[depth] != USER && depth + 1 < DEPTH_MAX)
        depth++;
    stack[depth] = name;
}

static void on_block(unsigned cpu, void *user)
{
    struct block *block = user;

    (void)cpu;
    if (!armed)
        return;
    if (block->returns && depth > 0)
        depth--;
    if (block->name >= 0)
        begin((unsigned)block->name);
    block->counts[stack[depth]]++;
}

/* ------------------------------------------------------------- translating */

static void find_name(struct block *block)
{
    unsigned i;

    block->name = block->address < KERNEL_START ? USER : -1;
    for (i = 0; i < place_count; i++) {
        if (places[i].address != block->address)
            continue;
        if (strcmp(names[places[i].name], "return") == 0)
            block->returns = true;
        else
            block->name = (int)places[i].name;
    }
}

static bool is_mark(const struct qemu_plugin_insn *insn,
                    const unsigned char *mark)
{
    return qemu_plugin_insn_size(insn) == sizeof(mark_first) &&
           memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark_first)) == 0;
}

static void watch_for_marks(const struct qemu_plugin_tb *tb)
{
    struct qemu_plugin_insn *insn;
    size_t i;

    for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        insn = qemu_plugin_tb_get_insn(tb, i);
        if (is_mark(insn, mark_first))
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, on_first_mark, QEMU_PLUGIN_CB_NO_REGS, NULL);
        if (is_mark(insn, mark_last))
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, on_last_mark, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

/* The same instructions may be translated again and again. */
static struct block *block_at(uint64_t address, unsigned length)
{
    struct block **slot = &table[(address >> 1 ^ address >> 17) & 0xffff];
    struct block *block = *slot;

    while (block && (block->address != address || block->length != length))
        block = block->next;
    if (block)
        return block;
    block = calloc(1, sizeof(*block));
    if (!block)
        abort();
    block->address = address;
    block->length = length;
    find_name(block);
    block->next = *slot;
    *slot = block;
    return block;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    struct block *block = block_at(qemu_plugin_tb_vaddr(tb),
                                   (unsigned)qemu_plugin_tb_n_insns(tb));

    (void)id;
    watch_for_marks(tb);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
                                         block);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                        char **argv)
{
    const char *symbols = NULL;
    int i;

    (void)info;
    for (i = 0; i < argc; i++) {
        if (strncmp(argv[i], "symbols=", 8) == 0)
            symbols = argv[i] + 8;
        if (strncmp(argv[i], "out=", 4) == 0)
            out = argv[i] + 4;
    }
    if (!out || !symbols || !read_places(symbols)) {
        fprintf(stderr, "plugin: no symbols, or nowhere to write to\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
