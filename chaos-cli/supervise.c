/* SPDX-License-Identifier: MIT */
/*
 * What the next command would do for guests that have ended, at once; and what
 * creates leave behind, pools that have become low among it.  All state is in
 * Xen and the registry, so that this process may end at any time.
 *
 * The loop itself waits for nothing.  What takes time is done by libuv's
 * threads, each with a context of its own.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#define RUN_DIR_DEFAULT "/run/chaos"
#define PATH_SIZE 4096

/* How often pools and leftovers are looked at, which nobody tells of. */
#define TICK_MS 1000
/* Longer than any back end takes that lets go at all. */
#define SWEEP_MS 3000
/* What cannot be seen to is tried again, ever later. */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS 60000

struct supervisor {
    struct cli *cli;
    uv_loop_t loop;
    uv_poll_t ended;
    uv_timer_t tick, watchdog;
    uv_signal_t signals[3];
    struct chaos_events *events;
    struct guest *guests; /* that are being seen to, or will be again */
    uv_work_t sweeping;
    bool is_sweeping, is_stopping;
    int sweep_rc; /* the last one's */
    int sweep_delay_ms;
    int64_t sweep_ms; /* the next one not before */
    ino_t registry;
    unsigned ended_count, restarted_count, failed_count;
};

/* A guest that has ended. */
struct guest {
    uv_work_t work;
    struct supervisor *supervisor;
    struct guest *next;
    struct chaos_event event;
    bool is_busy;
    int64_t retry_ms; /* not before */
    int delay_ms;
    /* the last try's result */
    struct chaos_settled settled;
    struct chaos_error err;
    int rc;
};

/* ------------------------------------------------------------------ words */

enum level {
    LEVEL_ERROR = 3,
    LEVEL_WARNING = 4,
    LEVEL_INFO = 6
};

static bool is_journal; /* set before there are threads */

/* A line on stderr, with its level where that is the journal. */
static void say(enum level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(enum level level, const char *format, ...)
{
    char line[8192], prefix[16] = "";
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (is_journal)
        snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
    fprintf(stderr, "%s%s\n", prefix, line);
}

static void take_log(void *user, enum chaos_log_level level,
                     const char *message)
{
    (void)user;
    say(level == CHAOS_LOG_WARNING ? LEVEL_WARNING : LEVEL_INFO, "%s", message);
}

static const char *how_it_ended(unsigned end)
{
    static const char *const texts[] = {
        [CHAOS_END_POWEROFF] = "powered off",
        [CHAOS_END_REBOOT] = "rebooted",
        [CHAOS_END_SUSPEND] = "suspended",
        [CHAOS_END_CRASH] = "crashed",
        [CHAOS_END_WATCHDOG] = "let its watchdog run out",
    };

    return end < sizeof(texts) / sizeof(texts[0]) && texts[end] ? texts[end]
                                                                : "ended";
}

static void say_what_was_done(const struct guest *guest)
{
    const struct chaos_settled *settled = &guest->settled;
    char what[CHAOS_CORE_PATH_MAX + CHAOS_NAME_MAX + 128] = "";
    size_t used = 0;

    if (*settled->core)
        used = (size_t)snprintf(what, sizeof(what), "; its core is %s",
                                settled->core);
    if (*settled->kept_name)
        used += (size_t)snprintf(what + used, sizeof(what) - used,
                                 "; kept as %s", settled->kept_name);
    if (settled->outcome == CHAOS_OUTCOME_RESTARTED)
        snprintf(what + used, sizeof(what) - used,
                 "; created again as domain %u", settled->domid);
    else if (settled->outcome == CHAOS_OUTCOME_DESTROYED)
        snprintf(what + used, sizeof(what) - used, "; destroyed");
    else
        snprintf(what + used, sizeof(what) - used, "; kept");
    say(LEVEL_INFO, "guest %s (domain %u): %s%s", guest->event.name,
        guest->event.domid, how_it_ended(settled->end), what);
}

/* It has ended, and its successor could not be created. */
static void say_what_failed(const struct guest *guest)
{
    guest->supervisor->failed_count++;
    say(LEVEL_ERROR, "guest %s (domain %u): %s, %s; %s", guest->event.name,
        guest->event.domid, how_it_ended(guest->settled.end),
        guest->settled.outcome == CHAOS_OUTCOME_KEPT ? "kept" : "destroyed",
        guest->err.message);
}

static void tell_status(const struct supervisor *supervisor)
{
    char text[160];

    snprintf(text, sizeof(text),
             "STATUS=%u guests have ended, %u were created again, %u could not "
             "be seen to",
             supervisor->ended_count, supervisor->restarted_count,
             supervisor->failed_count);
    cli_notify(text);
}

/* ------------------------------------------------------------ the registry */

static void path_in_run_dir(const char *name, char path[PATH_SIZE])
{
    const char *dir = getenv("CHAOS_RUN_DIR");

    snprintf(path, PATH_SIZE, "%s/%s", dir ? dir : RUN_DIR_DEFAULT, name);
}

/* That of its file; 0: there is none. */
static ino_t registry_number(void)
{
    struct stat status;
    char path[PATH_SIZE];

    path_in_run_dir("registry", path);
    return stat(path, &status) < 0 ? 0 : status.st_ino;
}

static int open_context(struct chaos **chaos_r, struct chaos_error *err)
{
    const struct chaos_options options = {
        .log = take_log,
        .log_level = CHAOS_LOG_WARNING,
        .run_dir = getenv("CHAOS_RUN_DIR"),
        .cache_dir = getenv("CHAOS_CACHE_DIR"),
    };

    return chaos_open(&options, chaos_r, err);
}

/* -------------------------------------------------------------- sweeping */

static void sweep(uv_work_t *work)
{
    struct supervisor *supervisor = work->data;
    struct chaos *chaos;

    supervisor->sweep_rc = open_context(&chaos, NULL);
    if (supervisor->sweep_rc < 0)
        return;
    supervisor->sweep_rc = chaos_guest_sweep(chaos, SWEEP_MS);
    chaos_pool_refill(chaos);
    chaos_close(chaos);
}

/* The first try, and each that fails after it, twice as long after the last. */
static int longer(int delay_ms)
{
    delay_ms = delay_ms ? 2 * delay_ms : RETRY_FIRST_MS;
    return delay_ms < RETRY_LAST_MS ? delay_ms : RETRY_LAST_MS;
}

static void has_swept(uv_work_t *work, int status)
{
    struct supervisor *supervisor = work->data;

    (void)status;
    supervisor->is_sweeping = false;
    supervisor->sweep_delay_ms =
        supervisor->sweep_rc < 0 ? longer(supervisor->sweep_delay_ms) : 0;
    supervisor->sweep_ms = cli_now_ms() + supervisor->sweep_delay_ms;
}

static void sweep_if_needed(struct supervisor *supervisor)
{
    struct chaos *chaos = supervisor->cli->chaos;

    if (supervisor->is_sweeping || supervisor->is_stopping ||
        cli_now_ms() < supervisor->sweep_ms ||
        (!chaos_pool_is_low(chaos) && !chaos_guest_lingers(chaos)))
        return;
    supervisor->sweeping.data = supervisor;
    supervisor->is_sweeping =
        uv_queue_work(&supervisor->loop, &supervisor->sweeping, sweep,
                      has_swept) == 0;
}

/* -------------------------------------------------------- guests' ends */

static void settle(uv_work_t *work)
{
    struct guest *guest = work->data;
    struct chaos *chaos;

    guest->rc = open_context(&chaos, &guest->err);
    if (guest->rc < 0)
        return;
    guest->rc = chaos_guest_settle(chaos, guest->event.domid, &guest->settled,
                                   &guest->err);
    chaos_close(chaos);
}

static void forget(struct guest *guest)
{
    struct guest **at = &guest->supervisor->guests;

    while (*at != guest)
        at = &(*at)->next;
    *at = guest->next;
    free(guest);
}

static void try_later(struct guest *guest)
{
    const bool is_first = guest->delay_ms == 0;

    guest->delay_ms = longer(guest->delay_ms);
    guest->retry_ms = cli_now_ms() + guest->delay_ms;
    if (is_first && guest->rc == CHAOS_EBUSY)
        return; /* another command sees to it, or changes a device of it */
    guest->supervisor->failed_count++;
    say(LEVEL_ERROR, "guest %s (domain %u): %s; next try in %d s",
        guest->event.name, guest->event.domid, guest->err.message,
        guest->delay_ms / 1000);
}

static void has_settled(uv_work_t *work, int status)
{
    struct guest *guest = work->data;
    struct supervisor *supervisor = guest->supervisor;

    guest->is_busy = false;
    if (status == UV_ECANCELED) {
        forget(guest);
        return;
    }
    if (guest->rc < 0 && guest->rc != CHAOS_ENOGUEST &&
        guest->settled.outcome == CHAOS_OUTCOME_NONE) {
        try_later(guest);
    } else {
        if (guest->rc < 0 && guest->settled.outcome != CHAOS_OUTCOME_NONE)
            say_what_failed(guest);
        else if (guest->settled.outcome != CHAOS_OUTCOME_NONE)
            say_what_was_done(guest);
        if (guest->settled.outcome == CHAOS_OUTCOME_RESTARTED)
            supervisor->restarted_count++;
        forget(guest);
    }
    tell_status(supervisor);
    sweep_if_needed(supervisor);
}

static void start_settling(struct guest *guest)
{
    guest->work.data = guest;
    guest->settled = (struct chaos_settled){ 0 };
    guest->is_busy = uv_queue_work(&guest->supervisor->loop, &guest->work,
                                   settle, has_settled) == 0;
}

static void add_guest(struct supervisor *supervisor,
                      const struct chaos_event *event)
{
    struct guest *guest;

    supervisor->ended_count++;
    if (event->end == CHAOS_END_DESTROYED) {
        say(LEVEL_INFO, "guest %s (domain %u): has gone without chaos",
            event->name, event->domid);
        return;
    }
    guest = calloc(1, sizeof(*guest));
    if (!guest) {
        say(LEVEL_ERROR, "guest %s (domain %u): out of memory", event->name,
            event->domid);
        return;
    }
    guest->supervisor = supervisor;
    guest->event = *event;
    guest->next = supervisor->guests;
    supervisor->guests = guest;
    start_settling(guest);
}

static void read_events(struct supervisor *supervisor)
{
    struct chaos_event event;
    struct chaos_error err;
    int rc;

    while ((rc = chaos_events_read(supervisor->events, &event, &err)) > 0)
        add_guest(supervisor, &event);
    if (rc < 0)
        say(LEVEL_ERROR, "looking for guests that have ended: %s", err.message);
}

/* -------------------------------------------------------------- the loop */

static void on_ended(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    read_events(poll->data);
}

/* Somebody has removed the registry, or made it anew: what we look at is of no
 * use.  Starting over is safe at any time. */
static void start_over_if_lost(const struct supervisor *supervisor)
{
    if (supervisor->registry == registry_number())
        return;
    say(LEVEL_WARNING, "the registry is another one now; starting over");
    execl("/proc/self/exe", "chaos", "supervise", NULL);
    say(LEVEL_ERROR, "starting over: %s", strerror(errno));
    _exit(CLI_FAILED);
}

static void on_tick(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;
    const int64_t now_ms = cli_now_ms();
    struct guest *guest;

    start_over_if_lost(supervisor);
    for (guest = supervisor->guests; guest; guest = guest->next)
        if (!guest->is_busy && guest->retry_ms <= now_ms)
            start_settling(guest);
    sweep_if_needed(supervisor);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    cli_notify("WATCHDOG=1");
}

static void close_one(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* What the threads are at is finished, what they have not begun is left to the
 * next process. */
static void on_stop(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor = handle->data;
    struct guest *guest;

    (void)number;
    if (supervisor->is_stopping)
        return;
    supervisor->is_stopping = true;
    cli_notify("STOPPING=1");
    for (guest = supervisor->guests; guest; guest = guest->next)
        if (guest->is_busy)
            uv_cancel((uv_req_t *)&guest->work);
    uv_walk(&supervisor->loop, close_one, NULL);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number; /* there is nothing to read anew */
}

static int start_signals(struct supervisor *supervisor)
{
    static const struct {
        int number;
        uv_signal_cb then;
    } signals[] = {
        { SIGTERM, on_stop },
        { SIGINT, on_stop },
        { SIGHUP, on_hangup },
    };
    int r = 0;

    for (size_t i = 0; i < 3 && r == 0; i++) {
        supervisor->signals[i].data = supervisor;
        r = uv_signal_init(&supervisor->loop, &supervisor->signals[i]);
        if (r == 0)
            r = uv_signal_start(&supervisor->signals[i], signals[i].then,
                                signals[i].number);
    }
    return r;
}

static int start_timers(struct supervisor *supervisor)
{
    const unsigned watchdog_ms = cli_notify_watchdog_ms();
    int r = uv_timer_init(&supervisor->loop, &supervisor->tick);

    supervisor->tick.data = supervisor;
    if (r == 0)
        r = uv_timer_start(&supervisor->tick, on_tick, 0, TICK_MS);
    if (r == 0 && watchdog_ms > 1)
        r = uv_timer_init(&supervisor->loop, &supervisor->watchdog);
    if (r == 0 && watchdog_ms > 1)
        r = uv_timer_start(&supervisor->watchdog, on_watchdog, 0,
                           watchdog_ms / 2);
    return r;
}

static int start(struct supervisor *supervisor)
{
    int r = start_signals(supervisor);

    supervisor->ended.data = supervisor;
    if (r == 0)
        r = uv_poll_init(&supervisor->loop, &supervisor->ended,
                         chaos_events_fd(supervisor->events));
    if (r == 0)
        r = uv_poll_start(&supervisor->ended, UV_READABLE, on_ended);
    return r == 0 ? start_timers(supervisor) : r;
}

static int run(struct supervisor *supervisor)
{
    int r = uv_loop_init(&supervisor->loop);

    if (r == 0)
        r = start(supervisor);
    if (r < 0) {
        fprintf(stderr, "chaos supervise: %s\n", uv_strerror(r));
        return CLI_FAILED;
    }
    cli_notify("READY=1");
    say(LEVEL_INFO, "watching guests");
    uv_run(&supervisor->loop, UV_RUN_DEFAULT);
    say(LEVEL_INFO, "stopped; guests run on");
    return CLI_DONE;
}

/* -------------------------------------------------------------- beginning */

/* Held until the process ends; the file itself says nothing but who.  An exit
 * code. */
static int be_the_only_one(void)
{
    char path[PATH_SIZE], pid[16];
    ssize_t length;
    int fd;

    path_in_run_dir("supervise.lock", path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        fprintf(stderr, "chaos supervise: opening %s: %s\n", path,
                strerror(errno));
        return CLI_FAILED;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        length = read(fd, pid, sizeof(pid) - 1);
        pid[length > 0 ? length : 0] = '\0';
        fprintf(stderr,
                "chaos supervise: another one runs already (process %s)\n",
                *pid ? pid : "not known");
        return CLI_FAILED;
    }
    length = snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (ftruncate(fd, 0) == 0 && write(fd, pid, (size_t)length) != length)
        fprintf(stderr, "chaos supervise: writing %s: %s\n", path,
                strerror(errno));
    return CLI_DONE;
}

int cli_supervise(struct cli *cli, int argc, char **argv)
{
    static struct supervisor supervisor;
    struct chaos_error err;
    int option = cli_option(cli, argc, argv), status;

    if (option != -1)
        return cli_option_exit(option);
    if (optind < argc)
        return cli_usage(cli, "it takes no arguments");
    supervisor.cli = cli;
    is_journal = cli_writes_to_journal();
    if (open_context(&cli->chaos, &err) < 0 ||
        chaos_events_open(cli->chaos, &supervisor.events, &err) < 0)
        return cli_fail(cli, &err);
    supervisor.registry = registry_number();
    status = be_the_only_one();
    if (status == CLI_DONE)
        status = run(&supervisor);
    chaos_events_close(supervisor.events);
    return status;
}
