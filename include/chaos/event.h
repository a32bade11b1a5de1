/* SPDX-License-Identifier: MIT */
/*
 * Being told that guests have ended, for a program that waits for other things
 * besides: a descriptor for its poll().
 *
 *     struct chaos_settled settled;
 *     struct chaos_events *events;
 *     struct chaos_event event;
 *
 *     if (chaos_events_open(chaos, &events, &err) < 0)
 *         errx(1, "%s", err.message);
 *     for (;;) {
 *         struct pollfd entry = { chaos_events_fd(events), POLLIN, 0 };
 *
 *         poll(&entry, 1, -1);
 *         while (chaos_events_read(events, &event, &err) > 0)
 *             chaos_guest_settle(chaos, event.domid, &settled, &err);
 *     }
 *
 * Nothing tells a toolstack of the end of a guest that xenstored does not know,
 * and that is each one that speaks noxs.  While there are such guests all
 * domains are looked at, every 50 ms; with thousands of domains less often, so
 * that it takes no more than a hundredth of a CPU.  For others XenStore says
 * when to look.
 *
 * The descriptor, like the context, belongs to one thread at a time, and is of
 * no use after fork().
 */
#ifndef CHAOS_EVENT_H
#define CHAOS_EVENT_H

#include <stdint.h>

#include <chaos/context.h>
#include <chaos/guest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct chaos_events;

struct chaos_event {
    uint32_t domid;
    uint8_t uuid[16];
    uint8_t end; /* enum chaos_guest_end; CHAOS_END_DESTROYED: it has gone, and
                  * not by way of chaos */
    char name[CHAOS_NAME_MAX + 1];
};

/* Starts to look.  Guests that have ended before are told of, too.  The context
 * must stay open until chaos_events_close(). */
int chaos_events_open(struct chaos *chaos, struct chaos_events **events_r,
                      struct chaos_error *err);
void chaos_events_close(struct chaos_events *events); /* NULL is fine */

/* Readable when it is time for chaos_events_read(). */
int chaos_events_fd(const struct chaos_events *events);

/*
 * The next guest that has ended: 1; 0 when there is none; or an error, after
 * which it can be tried again when the descriptor is readable.  Each is told of
 * once; nothing is done about it, but one that has gone is forgotten.  Another
 * process may have seen to it by now.  Waits for no guest, but finishes what
 * dead processes left, as all functions do (chaos/guest.h).
 */
int chaos_events_read(struct chaos_events *events, struct chaos_event *event_r,
                      struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
