/* SPDX-License-Identifier: MIT */
/*
 * The small services of old: echo (RFC 862, port 7) over TCP and UDP, and over
 * TCP discard (RFC 863, port 9) and chargen (RFC 864, port 19), by which the
 * network's throughput can be measured with nothing but `nc`.
 */
#include "lwip/udp.h"

#include "../guest/boot.h"
#include "../guest/mem.h"
#include "../guest/scratch.h"
#include "../lwip/network.h"

#define ECHO_PORT 7
#define DISCARD_PORT 9
#define CHARGEN_PORT 19

/* A number that lwIP keeps with each connection. */
static void *as_context(size_t number)
{
    return (void *)number;
}

/* ------------------------------------------------------------------- echo */

/* The datagram goes back in the buffer that it came in, unless it is another
 * such service's: the two would never stop. */
static void on_datagram(void *context, struct udp_pcb *pcb, struct pbuf *p,
                        const ip_addr_t *from, u16_t port)
{
    (void)context;
    if (port != ECHO_PORT)
        udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

/*
 * What is received is copied into the send buffer at once, and the window
 * opened again for as much as the peer has got back: a peer that does not read
 * holds none of the receive buffers.  When there is no memory for copies, lwIP
 * keeps the chain and comes again with it; `context` is how much of it has
 * been written.
 */
static err_t on_echo_data(void *context, struct tcp_pcb *pcb, struct pbuf *p,
                          err_t error)
{
    size_t written = (size_t)context, offset = 0;

    (void)error;
    if (!p) {
        network_close(pcb);
        return ERR_OK;
    }
    for (struct pbuf *q = p; q; offset += q->len, q = q->next) {
        if (offset < written)
            continue;
        if (tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY) == ERR_OK)
            continue;
        tcp_arg(pcb, as_context(offset));
        return ERR_MEM;
    }
    tcp_arg(pcb, as_context(0));
    tcp_output(pcb);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_echo_sent(void *context, struct tcp_pcb *pcb, u16_t length)
{
    (void)context;
    tcp_recved(pcb, length);
    return ERR_OK;
}

static void on_echo(struct tcp_pcb *pcb)
{
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, on_echo_data);
    tcp_sent(pcb, on_echo_sent);
}

/* ---------------------------------------------------------------- discard */

static void throw_away(struct tcp_pcb *pcb, struct pbuf *p)
{
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
}

static err_t on_discard_data(void *context, struct tcp_pcb *pcb, struct pbuf *p,
                             err_t error)
{
    (void)context;
    (void)error;
    if (p)
        throw_away(pcb, p);
    else
        network_close(pcb);
    return ERR_OK;
}

static void on_discard(struct tcp_pcb *pcb)
{
    tcp_recv(pcb, on_discard_data);
}

/* ---------------------------------------------------------------- chargen */

/* Lines of 72 characters, each of which starts one further in a ring of all
 * that can be printed: after as many lines as there are, the text repeats. */
#define FIRST ' '
#define CHARACTERS ('~' - FIRST + 1)
#define LINE 72
#define TEXT (CHARACTERS * (LINE + 2))

static char text[TEXT] SCRATCH(chargen_text);

static void write_text(void)
{
    char *t = text;

    for (unsigned int line = 0; line < CHARACTERS; line++) {
        for (unsigned int i = 0; i < LINE; i++)
            *t++ = FIRST + (line + i) % CHARACTERS;
        *t++ = '\r';
        *t++ = '\n';
    }
}

/* Fills the send buffer with pieces of the text, uncopied.  `context` is the
 * place in the text. */
static void generate(struct tcp_pcb *pcb, size_t place)
{
    for (;;) {
        size_t length = LWIP_MIN(TEXT - place, tcp_sndbuf(pcb));

        if (!length || tcp_write(pcb, text + place, length, 0) != ERR_OK)
            break;
        place = (place + length) % TEXT;
    }
    tcp_arg(pcb, as_context(place));
    tcp_output(pcb);
}

static err_t on_chargen_sent(void *context, struct tcp_pcb *pcb, u16_t length)
{
    (void)length;
    generate(pcb, (size_t)context);
    return ERR_OK;
}

/* When there was no memory, there may be none to hear of as sent. */
static err_t on_chargen_poll(void *context, struct tcp_pcb *pcb)
{
    generate(pcb, (size_t)context);
    return ERR_OK;
}

/* Who says no more may still read. */
static err_t on_chargen_data(void *context, struct tcp_pcb *pcb, struct pbuf *p,
                             err_t error)
{
    (void)context;
    (void)error;
    if (p)
        throw_away(pcb, p);
    return ERR_OK;
}

static void on_chargen(struct tcp_pcb *pcb)
{
    static bool written;

    if (!written)
        write_text();
    written = true;
    tcp_recv(pcb, on_chargen_data);
    tcp_sent(pcb, on_chargen_sent);
    tcp_poll(pcb, on_chargen_poll, 1);
    generate(pcb, 0);
}

void guest_main(const struct guest_info *info)
{
    struct udp_pcb *udp;

    (void)info;
    network_open();
    udp = udp_new();
    if (udp && udp_bind(udp, IP_ADDR_ANY, ECHO_PORT) == ERR_OK)
        udp_recv(udp, on_datagram, NULL);
    network_listen(ECHO_PORT, on_echo);
    network_listen(DISCARD_PORT, on_discard);
    network_listen(CHARGEN_PORT, on_chargen);
    network_run("echo");
}
