/* SPDX-License-Identifier: MIT */
/* A guest's console on this terminal. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 0x1d /* Ctrl-] */

/* Xen tells a toolstack nothing when a guest ends: look this often. */
#define LOOK_MS 50

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

struct terminal {
    bool raw;
    struct termios before;
    bool input; /* stdin is still open */
};

/* Ctrl-C and the like go to the guest; a signal from elsewhere ends us with
 * the terminal as it was. */
static void terminal_enter(struct terminal *terminal)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct termios raw;

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    terminal->input = true;
    terminal->raw =
        isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &terminal->before) == 0;
    if (!terminal->raw)
        return;
    raw = terminal->before;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST | ONLCR; /* guests end lines with a newline alone */
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void terminal_leave(const struct terminal *terminal)
{
    if (terminal->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
}

static bool write_all(const char *bytes, size_t size)
{
    ssize_t written;

    while (size > 0) {
        written = write(STDOUT_FILENO, bytes, size);
        if (written < 0 && errno == EINTR && !stop)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* One ring full at most: a guest that always has more must not keep us from
 * looking at the keyboard. */
static bool show_output(struct chaos_console *console)
{
    char buffer[2048];
    size_t size = chaos_console_read(console, buffer, sizeof(buffer));

    return write_all(buffer, size);
}

/* Typed input, kept while the guest's ring is full. */
struct input {
    char bytes[256];
    size_t size;
};

/* false when the user wants to leave. */
static bool take_input(struct terminal *terminal, struct input *input)
{
    ssize_t got = read(STDIN_FILENO, input->bytes + input->size,
                       sizeof(input->bytes) - input->size);
    char *escape;

    if (got == 0 || (got < 0 && errno != EINTR)) {
        terminal->input = false;
        return true;
    }
    if (got < 0)
        return true;
    escape = terminal->raw
                 ? memchr(input->bytes + input->size, ESCAPE, (size_t)got)
                 : NULL;
    input->size += (size_t)got;
    return !escape;
}

static void give_input(struct chaos_console *console, struct input *input)
{
    size_t given = chaos_console_write(console, input->bytes, input->size);

    memmove(input->bytes, input->bytes + given, input->size - given);
    input->size -= given;
}

static bool has_ended(struct cli *cli, uint32_t domid)
{
    struct chaos_guest_info info;

    return chaos_guest_info(cli->chaos, domid, &info, NULL) < 0 || info.ended ||
           info.dying;
}

static bool wants_input(const struct terminal *terminal,
                        const struct input *input)
{
    return terminal->input && input->size < sizeof(input->bytes);
}

/* Returns whether the guest has ended. */
static bool loop(struct cli *cli, uint32_t domid, struct chaos_console *console,
                 struct terminal *terminal)
{
    struct input input = { .size = 0 };
    bool ended = false;
    int r;

    while (!stop && !ended) {
        struct pollfd fds[] = {
            { .fd = chaos_console_fd(console), .events = POLLIN },
            { .fd = wants_input(terminal, &input) ? STDIN_FILENO : -1,
              .events = POLLIN },
        };

        r = poll(fds, 2, LOOK_MS);
        if (r == 0 || fds[0].revents & POLLHUP)
            ended = has_ended(cli, domid);
        if (fds[0].revents & POLLHUP && !ended)
            return false;
        if (r > 0 && fds[1].revents && !take_input(terminal, &input))
            return false;
        give_input(console, &input);
        if (!show_output(console))
            return false;
    }
    return ended;
}

int cli_console(struct cli *cli, uint32_t domid, struct chaos_console *console)
{
    struct terminal terminal;
    bool ended;

    fflush(stdout);
    terminal_enter(&terminal);
    ended = loop(cli, domid, console, &terminal);
    terminal_leave(&terminal);
    chaos_console_close(console); /* or its page keeps the domain's memory */
    if (ended)                    /* carries out on_poweroff and so on */
        chaos_guest_wait(cli->chaos, domid, 0, NULL, NULL);
    return CLI_DONE;
}

static int attach(struct cli *cli, uint32_t domid, const char *name, void *user,
                  struct chaos_error *err)
{
    struct chaos_console *console;
    int *status = user;
    int rc = chaos_console_open(cli->chaos, domid, &console, err);

    (void)name;
    if (rc == 0)
        *status = cli_console(cli, domid, console);
    return rc;
}

int cli_console_command(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv), attached = CLI_DONE, status;

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind != 1)
        return cli_usage(cli, "one guest, please");
    status = cli_each_guest(cli, 1, argv + optind, attach, &attached);
    return status == CLI_DONE ? attached : status;
}
