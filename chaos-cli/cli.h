/* SPDX-License-Identifier: MIT */
/*
 * The command line: one file per command, over the public API alone.  What
 * the commands share.
 */
#ifndef CHAOS_CLI_H
#define CHAOS_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <chaos/chaos.h>

/* Exit codes, as in chaos(1), EXIT STATUS. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NO_GUEST = 3,
    CLI_TAKEN = 4,
    CLI_TIMEOUT = 5,
    CLI_NO_XEN = 6,
    CLI_NO_MEMORY = 7,
};

struct cli_option {
    char letter;          /* 0: long form alone */
    const char *name;     /* long form; NULL: letter alone */
    const char *argument; /* NULL: takes none; "[...]": after a =, or none */
    const char *help;
};

/* A long option without a letter is told by its index in the table. */
#define CLI_LONG(index) (256 + (index))

struct cli;

#define CLI_OPTIONS_MAX 16

/* One command: the table of them gives dispatch, help, completion and the man
 * page's list. */
struct cli_command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    int (*run)(struct cli *cli, int argc, char **argv);
    const struct cli_option *options; /* fewer than CLI_OPTIONS_MAX, and an
                                       * empty one */
};

extern const struct cli_command cli_commands[]; /* ends with an empty one */

struct cli {
    const struct cli_command *command;
    struct chaos *chaos; /* opened by cli_open() */
    int verbose;         /* 0, 1: steps, 2: details */
    bool quiet;          /* no warnings, no output but data that was asked */
    bool leave_child;    /* cli_leave_child() is due at the end ... */
    bool refill;         /* ... and pools may want to be filled */
    bool publish;        /* ... and a guest's name is to be written */
    uint32_t created;    /* that guest */
    struct cli_timing *timing; /* NULL: nobody wants to know */
};

/*
 * The next option of the command: its letter or CLI_LONG(index), -1 at the
 * end, '?' when it is wrong (said already: return CLI_USAGE) and 'h' after
 * --help (printed already: return CLI_DONE).
 */
int cli_option(struct cli *cli, int argc, char **argv);
/* What to return when cli_option() gave '?' or 'h'. */
int cli_option_exit(int option);
/* "chaos COMMAND: message", and the usage line; returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cli_help(const struct cli_command *command);

/* Opens the context; returns an exit code. */
int cli_open(struct cli *cli);

/* Prints an error of the library's and returns the exit code for it. */
int cli_fail(const struct cli *cli, const struct chaos_error *err);

/*
 * Runs `work` on each of the guests that the arguments name: all are tried,
 * the first failure's exit code is returned.
 */
typedef int (*cli_guest_fn)(struct cli *cli, uint32_t domid, const char *name,
                            void *user, struct chaos_error *err);
int cli_each_guest(struct cli *cli, int count, char **names, cli_guest_fn work,
                   void *user);

/* A decimal number from an argument; false when it is none. */
bool cli_number(const char *text, unsigned max, unsigned *value_r);

/*
 * How long the phases of a command take.  One begins where the one before it
 * ends; the first is "launch", from the process's beginning.
 */
struct cli_timing;
struct cli_timing *cli_timing_begin(void);
void cli_timing_mark(struct cli_timing *timing, const char *phase);
/* A chaos_phase_fn: marks the library's. */
void cli_timing_phase(void *timing, enum chaos_phase phase);
/* Prints them, of a guest that was created; the last one ends here. */
void cli_timing_print(struct cli_timing *timing, bool json, uint32_t domid);

/* Time-outs, in seconds: what a command takes when it is given none, and the
 * longest, whose milliseconds fit an int. */
#define CLI_TIMEOUT_S 60
#define CLI_TIMEOUT_MAX_S 1000000u

/* The time for deadlines; setting the host's clock does not change it. */
int64_t cli_now_ms(void);

/* Shows a guest's console on the terminal until the guest ends or the user
 * types Ctrl-].  Returns an exit code. */
int cli_console(struct cli *cli, uint32_t domid, struct chaos_console *console);

/* Leaves a child behind that does what nobody waits for, when this process has
 * ended: writes a guest's name to XenStore, clears away what guests have left,
 * fills pools which have become low. */
void cli_leave_child(struct cli *cli);

/* A domain's name in tables; one without is shown as xl does. */
const char *cli_shown_name(const struct chaos_guest_info *info);

/* Tells a service manager, if there is one: lines of NAME=VALUE, as
 * sd_notify(3) has them.  Threads may call it. */
void cli_notify(const char *state);
/* Within which time it wants to hear WATCHDOG=1; 0: it does not. */
unsigned cli_notify_watchdog_ms(void);
/* Whether what goes to stderr is the journal's. */
bool cli_writes_to_journal(void);

/* Words for what a guest is doing, and how it ended. */
const char *cli_state_name(const struct chaos_guest_info *info);
const char *cli_end_name(unsigned end);
const char *cli_type_name(unsigned type);
/* How it finds its devices. */
const char *cli_registry_name(const struct chaos_guest_info *info);
/* What it says of itself. */
const char *cli_status_name(unsigned status);

/* Writes a JSON string, quotes included. */
void cli_json_string(const char *text);
/* One guest as a JSON object; `control` is NULL where it is not known. */
void cli_json_guest(struct cli *cli, const struct chaos_guest_info *info,
                    const struct chaos_guest_control *control,
                    const char *indent);
/* A guest's devices, as further members of such an object and as lines of
 * text; nothing when they cannot be read. */
void cli_json_devices(struct cli *cli, uint32_t domid, const char *indent);
void cli_text_devices(struct cli *cli, uint32_t domid);
#define CLI_UUID_SIZE 37
void cli_uuid(const uint8_t uuid[16], char text[CLI_UUID_SIZE]);

int cli_create(struct cli *cli, int argc, char **argv);
int cli_pool(struct cli *cli, int argc, char **argv);
int cli_destroy(struct cli *cli, int argc, char **argv);
int cli_shutdown(struct cli *cli, int argc, char **argv);
int cli_reboot(struct cli *cli, int argc, char **argv);
int cli_pause(struct cli *cli, int argc, char **argv);
int cli_unpause(struct cli *cli, int argc, char **argv);
int cli_list(struct cli *cli, int argc, char **argv);
int cli_vif_list(struct cli *cli, int argc, char **argv);
int cli_block_list(struct cli *cli, int argc, char **argv);
int cli_network_attach(struct cli *cli, int argc, char **argv);
int cli_network_detach(struct cli *cli, int argc, char **argv);
int cli_block_attach(struct cli *cli, int argc, char **argv);
int cli_block_detach(struct cli *cli, int argc, char **argv);
int cli_info(struct cli *cli, int argc, char **argv);
int cli_console_command(struct cli *cli, int argc, char **argv);
int cli_domid(struct cli *cli, int argc, char **argv);
int cli_domname(struct cli *cli, int argc, char **argv);
int cli_rename(struct cli *cli, int argc, char **argv);
int cli_recover(struct cli *cli, int argc, char **argv);
int cli_mem_set(struct cli *cli, int argc, char **argv);
int cli_mem_max(struct cli *cli, int argc, char **argv);
int cli_vcpu_list(struct cli *cli, int argc, char **argv);
int cli_vcpu_pin(struct cli *cli, int argc, char **argv);
int cli_vcpu_set(struct cli *cli, int argc, char **argv);
int cli_sched_credit(struct cli *cli, int argc, char **argv);
int cli_sched_credit2(struct cli *cli, int argc, char **argv);
int cli_supervise(struct cli *cli, int argc, char **argv);
int cli_wait(struct cli *cli, int argc, char **argv);
int cli_dmesg(struct cli *cli, int argc, char **argv);
int cli_version(struct cli *cli, int argc, char **argv);
int cli_help_command(struct cli *cli, int argc, char **argv);

#endif
