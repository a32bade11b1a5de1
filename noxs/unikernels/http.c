/* SPDX-License-Identifier: MIT */
/*
 * A web server with one page, about itself.  "Booted in" on it is the time from
 * when the guest was first let run until it began to serve, by Xen's account
 * of its vCPU: waiting for a processor counts, what the toolstack did before
 * does not.
 */
#include "../guest/boot.h"
#include "../guest/mem.h"
#include "../guest/print.h"
#include "../guest/time.h"
#include "../lwip/network.h"
#include "http-request.h"

#define PORT 80
#define SECOND 1000000000ul
/* A request must have come by then, in units of half a second. */
#define PATIENCE 20

struct connection {
    bool used;
    struct http_request request;
};

static struct connection connections[MEMP_NUM_TCP_PCB];
static uint64_t boot_ns;
static unsigned long served;

static struct connection *take_connection(void)
{
    for (unsigned int i = 0; i < MEMP_NUM_TCP_PCB; i++)
        if (!connections[i].used) {
            memset(&connections[i], 0, sizeof(connections[i]));
            connections[i].used = true;
            return &connections[i];
        }
    return NULL;
}

static void reply(struct tcp_pcb *pcb, const char *status, const char *body,
                  size_t length)
{
    char header[128];
    size_t header_length = print_to(header, sizeof(header),
                                    "HTTP/1.0 %s\r\n"
                                    "Content-Type: text/html\r\n"
                                    "Content-Length: %lu\r\n"
                                    "Connection: close\r\n\r\n",
                                    status, (unsigned long)length);

    if (tcp_write(pcb, header, header_length,
                  TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE) == ERR_OK)
        tcp_write(pcb, body, length, TCP_WRITE_FLAG_COPY);
}

static void reply_with_page(struct tcp_pcb *pcb)
{
    static char page[512];
    unsigned long ns = time_lived_ns();

    served++;
    reply(pcb, "200 OK", page,
          print_to(page, sizeof(page),
                   "<!DOCTYPE html>\n<title>A unikernel</title>\n"
                   "<h1>A unikernel at %s</h1>\n"
                   "<p>Booted in: %lu ns\n"
                   "<p>Uptime: %lu.%03lu s\n"
                   "<p>Requests served: %lu\n",
                   network_address(), boot_ns, ns / SECOND,
                   ns / (SECOND / 1000) % 1000, served));
}

static void reply_with_error(struct tcp_pcb *pcb, const char *status)
{
    char body[80];

    reply(pcb, status, body,
          print_to(body, sizeof(body),
                   "<!DOCTYPE html>\n<title>%s</title>\n<h1>%s</h1>\n", status,
                   status));
}

static enum http_result read_request(struct http_request *request,
                                     const struct pbuf *p)
{
    enum http_result result = HTTP_UNFINISHED;

    for (; p && result == HTTP_UNFINISHED; p = p->next)
        result = http_request_read(request, p->payload, p->len);
    return result;
}

static void end(struct connection *connection, struct tcp_pcb *pcb)
{
    connection->used = false;
    network_close(pcb);
}

static err_t on_data(void *context, struct tcp_pcb *pcb, struct pbuf *p,
                     err_t error)
{
    struct connection *connection = context;
    enum http_result result;

    (void)error;
    if (!p) {
        end(connection, pcb);
        return ERR_OK;
    }
    result = read_request(&connection->request, p);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    if (result == HTTP_UNFINISHED)
        return ERR_OK;
    if (result == HTTP_BAD)
        reply_with_error(pcb, "400 Bad Request");
    else if (strings_equal(connection->request.path, "/"))
        reply_with_page(pcb);
    else
        reply_with_error(pcb, "404 Not Found");
    end(connection, pcb);
    return ERR_OK;
}

static err_t on_patience_lost(void *context, struct tcp_pcb *pcb)
{
    end(context, pcb);
    return ERR_OK;
}

static void on_reset(void *context, err_t error)
{
    struct connection *connection = context;

    (void)error;
    connection->used = false;
}

static void on_connection(struct tcp_pcb *pcb)
{
    struct connection *connection = take_connection();

    if (!connection) {
        network_close(pcb);
        return;
    }
    tcp_arg(pcb, connection);
    tcp_recv(pcb, on_data);
    tcp_err(pcb, on_reset);
    tcp_poll(pcb, on_patience_lost, PATIENCE);
}

void guest_main(const struct guest_info *info)
{
    (void)info;
    network_open();
    network_listen(PORT, on_connection);
    boot_ns = time_lived_ns();
    network_run("http");
}
