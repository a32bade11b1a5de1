/* SPDX-License-Identifier: MIT */
/*
 * The daytime protocol (RFC 867) over TCP: tells whoever connects to port 13
 * the date and the time, and closes.
 */
#include "../guest/boot.h"
#include "../guest/print.h"
#include "../guest/time.h"
#include "../lwip/network.h"

#define PORT 13
#define DAY 86400u

struct date {
    unsigned long year, month, day, weekday; /* from 0, the year excepted */
};

static bool is_leap(unsigned long year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned long days_in_month(unsigned long month, unsigned long year)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
                                    31, 31, 30, 31, 30, 31 };

    return days[month] + (month == 1 && is_leap(year));
}

static struct date date_of(unsigned long days_since_1970)
{
    struct date d = { .year = 1970, .weekday = (days_since_1970 + 4) % 7 };

    d.day = days_since_1970;
    for (; d.day >= 365u + is_leap(d.year); d.year++)
        d.day -= 365 + is_leap(d.year);
    for (; d.day >= days_in_month(d.month, d.year); d.month++)
        d.day -= days_in_month(d.month, d.year);
    return d;
}

/* The form that the RFC proposes. */
static size_t daytime(char *text, size_t size)
{
    static const char weekdays[][10] = { "Sunday",    "Monday",   "Tuesday",
                                         "Wednesday", "Thursday", "Friday",
                                         "Saturday" };
    static const char months[][10] = { "January", "February", "March",
                                       "April",   "May",      "June",
                                       "July",    "August",   "September",
                                       "October", "November", "December" };
    unsigned long seconds = time_wall_ns() / 1000000000;
    struct date d = date_of(seconds / DAY);

    seconds %= DAY;
    return print_to(text, size, "%s, %s %lu, %lu %02lu:%02lu:%02lu-UTC\r\n",
                    weekdays[d.weekday], months[d.month], d.day + 1, d.year,
                    seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static err_t on_connection(void *context, struct tcp_pcb *pcb, err_t error)
{
    char text[80];

    (void)context;
    if (error != ERR_OK)
        return error;
    tcp_write(pcb, text, daytime(text, sizeof(text)), TCP_WRITE_FLAG_COPY);
    return network_close(pcb);
}

void guest_main(const struct guest_info *info)
{
    (void)info;
    network_open();
    network_listen(PORT, on_connection);
    network_run("daytime");
}
