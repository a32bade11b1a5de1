/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "fake_hv.h"
#include "noxs/abi/noxs.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

/* ----------------------------------------------------------------- files */

char *support_directory(void)
{
    const char *base = getenv("TMPDIR");
    char *path;

    must(asprintf(&path, "%s/chaos-test-XXXXXX",
                  base && *base ? base : "/tmp") > 0,
         "asprintf");
    must(mkdtemp(path), path);
    return path;
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void support_remove_directory(char *directory)
{
    must(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, directory);
    free(directory);
}

char *support_path(const char *directory, const char *name)
{
    char *path;

    must(asprintf(&path, "%s/%s", directory, name) > 0, "asprintf");
    return path;
}

void support_write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    must(fd >= 0, path);
    must(write(fd, bytes, size) == (ssize_t)size, path);
    close(fd);
}

unsigned support_count_files(const char *directory, const char *prefix)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;
    unsigned count = 0;

    if (!stream)
        return 0;
    while ((entry = readdir(stream)))
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(stream);
    return count;
}

/* ---------------------------------------------------------------- images */

const struct support_image support_kernel = {
    .has_entry = true,
    .entry = 0x100040,
    .pv = true,
    .pv_base = UINT64_C(0xffffffff80000000),
    .pv_hypercalls = UINT64_C(0xffffffff80101000),
    .count = 2,
    .segments = { { 0x100000, 0x2000, 0x1800 }, { 0x102000, 0x3000, 0x1234 } },
};

uint8_t support_byte(unsigned number, uint64_t at)
{
    return (uint8_t)(number * 37 + at * 7 + at / 251 + 1);
}

static size_t add_note(uint8_t *to, const char *name, uint32_t type,
                       uint64_t value, bool wide)
{
    Elf64_Nhdr note = { .n_namesz = (uint32_t)strlen(name) + 1,
                        .n_descsz = wide ? 8 : 4,
                        .n_type = type };
    size_t name_size = (note.n_namesz + 3u) & ~3u;

    memcpy(to, &note, sizeof(note));
    memset(to + sizeof(note), 0, name_size);
    memcpy(to + sizeof(note), name, note.n_namesz);
    memcpy(to + sizeof(note) + name_size, &value, note.n_descsz);
    return sizeof(note) + name_size + note.n_descsz;
}

static size_t make_pv_notes(const struct support_image *image, uint8_t *to)
{
    const struct {
        uint32_t type;
        uint64_t value;
    } notes[] = {
        { 1, image->pv_base - image->pv_offset + image->entry }, /* ENTRY */
        { 2, image->pv_hypercalls }, /* HYPERCALL_PAGE */
        { 3, image->pv_base },       /* VIRT_BASE */
        { 4, image->pv_offset },     /* PADDR_OFFSET */
    };
    uint64_t version;
    size_t i, size;

    memcpy(&version, "xen-3.0", sizeof(version));
    size = add_note(to, "Xen", 5, version, true);
    for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (notes[i].value)
            size +=
                add_note(to + size, "Xen", notes[i].type, notes[i].value, true);
    return size;
}

/* XEN_ELFNOTE_LOADER (8), which we skip, comes before those that matter. */
static size_t make_notes(const struct support_image *image, uint8_t *to)
{
    size_t size = add_note(to, "Xen", 8, 0, false);

    if (image->has_entry)
        size += add_note(to + size, "Xen", 18, image->entry, image->wide_notes);
    if (image->pv)
        size += make_pv_notes(image, to + size);
    if (image->noxs)
        size += add_note(to + size, NOXS_ELFNOTE_NAME, NOXS_ELFNOTE_VERSION,
                         image->noxs, image->wide_notes);
    return size;
}

static size_t put_program(const struct support_image *image, uint8_t *to,
                          const Elf64_Phdr *program)
{
    const Elf32_Phdr narrow = {
        .p_type = program->p_type,
        .p_offset = (uint32_t)program->p_offset,
        .p_vaddr = (uint32_t)program->p_vaddr,
        .p_paddr = (uint32_t)program->p_paddr,
        .p_filesz = (uint32_t)program->p_filesz,
        .p_memsz = (uint32_t)program->p_memsz,
        .p_flags = program->p_flags,
        .p_align = (uint32_t)program->p_align,
    };

    if (image->narrow)
        memcpy(to, &narrow, sizeof(narrow));
    else
        memcpy(to, program, sizeof(*program));
    return image->narrow ? sizeof(narrow) : sizeof(*program);
}

static size_t put_header(const struct support_image *image, uint8_t *to)
{
    Elf32_Ehdr narrow = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
                     ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(narrow),
        .e_ehsize = sizeof(narrow),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = (uint16_t)(image->count + 1),
    };
    Elf64_Ehdr wide = {
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(wide),
        .e_ehsize = sizeof(wide),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = narrow.e_phnum,
    };

    if (image->narrow) {
        memcpy(to, &narrow, sizeof(narrow));
        return sizeof(narrow);
    }
    memcpy(wide.e_ident, narrow.e_ident, sizeof(wide.e_ident));
    wide.e_ident[EI_CLASS] = ELFCLASS64;
    memcpy(to, &wide, sizeof(wide));
    return sizeof(wide);
}

uint8_t *support_make_image(const struct support_image *image, size_t *size_r)
{
    size_t size = 4096, at, program_at, note_size;
    uint8_t *bytes;
    uint64_t i;
    unsigned n;

    for (n = 0; n < image->count; n++)
        size += image->segments[n].file_size;
    bytes = calloc(1, size);
    must(bytes, "calloc");
    program_at = put_header(image, bytes);
    at = 3072; /* behind any number of program headers */
    note_size = make_notes(image, bytes + at);
    at += (note_size + 15) & ~(size_t)15;
    for (n = 0; n < image->count; n++) {
        const struct support_segment *segment = &image->segments[n];

        program_at += put_program(image, bytes + program_at,
                                  &(Elf64_Phdr){
                                      .p_type = PT_LOAD,
                                      .p_offset = at,
                                      .p_paddr = segment->address,
                                      .p_vaddr = segment->address,
                                      .p_filesz = segment->file_size,
                                      .p_memsz = segment->memory_size,
                                  });
        for (i = 0; i < segment->file_size; i++)
            bytes[at++] = support_byte(n, i);
    }
    put_program(image, bytes + program_at,
                &(Elf64_Phdr){ .p_type = PT_NOTE,
                               .p_offset = 3072,
                               .p_filesz = note_size,
                               .p_memsz = note_size });
    *size_r = at;
    return bytes;
}

/* ------------------------------------------------------------- the world */

static void take_log(void *user, enum chaos_log_level level,
                     const char *message)
{
    struct support_world *world = user;
    size_t used = strlen(world->log);

    (void)level;
    snprintf(world->log + used, sizeof(world->log) - used, "%s\n", message);
}

struct chaos *support_open(struct support_world *world)
{
    const struct chaos_options options = {
        .log = take_log,
        .log_user = world,
        .log_level = CHAOS_LOG_INFO,
        .run_dir = world->run_dir,
        .cache_dir = world->cache_dir,
        .dump_dir = world->dump_dir,
    };
    struct chaos *chaos;

    must(chaos_open(&options, &chaos, NULL) == 0, "chaos_open");
    return chaos;
}

void support_reopen(struct support_world *world)
{
    chaos_close(world->chaos);
    world->chaos = support_open(world);
}

void support_lose_registry(struct support_world *world)
{
    char *path = support_path(world->run_dir, "registry");

    chaos_close(world->chaos);
    must(unlink(path) == 0, path);
    free(path);
    world->chaos = support_open(world);
}

static char *write_kernel(struct support_world *world, const char *name,
                          uint32_t noxs, bool packed)
{
    struct support_image image = support_kernel;
    char *path = support_path(world->directory, name);
    uint8_t *bytes, *written;
    size_t size;

    image.noxs = noxs;
    bytes = written = support_make_image(&image, &size);
    if (packed)
        written = fake_hv_pack(bytes, size, &size);
    support_write_file(path, written, size);
    if (packed)
        free(written);
    free(bytes);
    return path;
}

struct support_world *support_world_new(void)
{
    struct support_world *world = calloc(1, sizeof(*world));
    uint8_t ramdisk[SUPPORT_RAMDISK_SIZE];
    size_t i;

    must(world, "calloc");
    fake_hv_reset();
    world->directory = support_directory();
    world->run_dir = support_path(world->directory, "run");
    world->cache_dir = support_path(world->directory, "cache");
    world->dump_dir = support_path(world->directory, "dump");
    world->noxs_kernel = write_kernel(world, "noxs", NOXS_VERSION, false);
    world->plain_kernel = write_kernel(world, "plain", 0, false);
    world->packed_kernel = write_kernel(world, "packed", NOXS_VERSION, true);
    world->ramdisk = support_path(world->directory, "ramdisk");
    for (i = 0; i < sizeof(ramdisk); i++)
        ramdisk[i] = support_byte(99, i);
    support_write_file(world->ramdisk, ramdisk, sizeof(ramdisk));
    world->chaos = support_open(world);
    return world;
}

void support_world_free(struct support_world *world)
{
    chaos_close(world->chaos);
    support_remove_directory(world->directory);
    free(world->run_dir);
    free(world->cache_dir);
    free(world->dump_dir);
    free(world->noxs_kernel);
    free(world->plain_kernel);
    free(world->packed_kernel);
    free(world->ramdisk);
    free(world);
}

struct chaos_config *support_config(struct support_world *world,
                                    const char *name, const char *type,
                                    const char *kernel, const char *more)
{
    struct chaos_config *config;
    struct chaos_error err;
    char *text;

    (void)world;
    must(asprintf(&text,
                  "name=\"%s\"\ntype=\"%s\"\nkernel=\"%s\"\nmemory=4\n%s\n",
                  name, type, kernel, more) > 0,
         "asprintf");
    if (chaos_config_parse(NULL, text, "test.cfg", &config, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    free(text);
    return config;
}

char *support_disk(struct support_world *world, const char *name, off_t size)
{
    char *path = support_path(world->directory, name);

    support_write_file(path, "", 0);
    must(truncate(path, size) == 0, path);
    return path;
}

unsigned support_count_slots(struct support_world *world)
{
    struct chaos__registry *registry;
    struct chaos__slot *slot = NULL;
    unsigned count = 0;

    must(chaos__registry_open(world->run_dir, &registry, NULL) == 0,
         "opening the registry");
    while ((slot = chaos__registry_next(registry, slot)))
        count++;
    chaos__registry_close(registry);
    return count;
}

struct chaos__slot support_slot(struct support_world *world, const char *name)
{
    struct chaos__registry *registry;
    struct chaos__slot copy, *slot;

    must(chaos__registry_open(world->run_dir, &registry, NULL) == 0,
         "opening the registry");
    slot = chaos__registry_by_name(registry, name);
    must(slot, name);
    copy = *slot;
    chaos__registry_close(registry);
    return copy;
}

/* -------------------------------------------------------------- children */

int support_in_child(support_work_fn work, void *user)
{
    int status, r;
    pid_t pid = fork();

    must(pid >= 0, "fork");
    if (pid == 0)
        _exit(work(user));
    do {
        r = waitpid(pid, &status, 0);
    } while (r < 0 && errno == EINTR);
    must(r == pid, "waitpid");
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) != SIGKILL)
            fprintf(stderr, "a child was ended by signal %d\n",
                    WTERMSIG(status));
        return WTERMSIG(status) == SIGKILL ? -1 : 254;
    }
    return WEXITSTATUS(status);
}
