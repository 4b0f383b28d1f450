/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skep/alloc.h>
#include <skep/filter.h>

#include "http/server.h"

static const uint64_t buckets_us[HTTP_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 25000, 100000, 250000, 1000000, 5000000, 30000000, 300000000};

void http_count(skep_serve *serve, const http_request *r, uint64_t took_us)
{
    http_figures *f = &serve->figures;
    int class = r->answered / 100;
    int bucket = 0;
    while (bucket < HTTP_BUCKETS && took_us > buckets_us[bucket])
        bucket++;
    atomic_fetch_add(&f->requests[r->method][class >= 0 && class < 6 ? class : 0], 1);
    atomic_fetch_add(&f->bytes_in, r->bytes_in);
    atomic_fetch_add(&f->bytes_out, r->bytes_out);
    atomic_fetch_add(&f->took[bucket], 1);
    atomic_fetch_add(&f->took_us, took_us);
}

static void print(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
                  value);
}

static void print_requests(FILE *out, const http_figures *f)
{
    (void)fprintf(out, "# HELP skep_serve_requests_total Requests that have ended; status 0: cut "
                       "before an answer.\n# TYPE skep_serve_requests_total counter\n");
    for (int m = 0; m < HTTP_METHODS; m++)
        for (int c = 0; c < 6; c++) {
            uint64_t n = atomic_load(&f->requests[m][c]);
            if (n > 0)
                (void)fprintf(
                    out, "skep_serve_requests_total{method=\"%s\",status=\"%d%s\"} %" PRIu64 "\n",
                    http_method_name((http_method)m), c, c > 0 ? "xx" : "", n);
        }
}

static void print_times(FILE *out, const http_figures *f)
{
    uint64_t n = 0;
    (void)fprintf(out, "# HELP skep_serve_request_seconds From a request to the end of its answer."
                       "\n# TYPE skep_serve_request_seconds histogram\n");
    for (int i = 0; i < HTTP_BUCKETS; i++) {
        n += atomic_load(&f->took[i]);
        (void)fprintf(out,
                      "skep_serve_request_seconds_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64
                      "\n",
                      buckets_us[i] / 1000000, buckets_us[i] % 1000000, n);
    }
    n += atomic_load(&f->took[HTTP_BUCKETS]);
    uint64_t us = atomic_load(&f->took_us);
    (void)fprintf(out,
                  "skep_serve_request_seconds_bucket{le=\"+Inf\"} %" PRIu64
                  "\nskep_serve_request_seconds_sum %" PRIu64 ".%06" PRIu64
                  "\nskep_serve_request_seconds_count %" PRIu64 "\n",
                  n, us / 1000000, us % 1000000, n);
}

static void print_all(FILE *out, const skep_serve *serve)
{
    const http_figures *f = &serve->figures;
    print_requests(out, f);
    print_times(out, f);
    print(out, "skep_serve_received_bytes_total", "counter", "Bytes of the bodies of requests.",
          atomic_load(&f->bytes_in));
    print(out, "skep_serve_sent_bytes_total", "counter", "Bytes of the bodies of answers.",
          atomic_load(&f->bytes_out));
    print(out, "skep_serve_connections", "gauge", "Connections that are open.",
          atomic_load(&serve->conn_count));
    print(out, "skep_serve_in_flight", "gauge", "Requests that are running.",
          atomic_load(&serve->in_flight));
    print(out, "skep_serve_accepted_total", "counter", "Connections that were opened.",
          atomic_load(&f->accepted));
    print(out, "skep_serve_refused_total", "counter",
          "Requests refused because there were too many connections.", atomic_load(&f->refused));
    print(out, "skep_serve_limited_total", "counter",
          "Requests refused because there were too many in a second.", atomic_load(&f->limited));
    print(out, "skep_serve_slow_total", "counter",
          "Connections ended because nothing, or too little, moved on them.",
          atomic_load(&f->slow));
    print(out, "skep_serve_cut_total", "counter",
          "Requests that ended before their answer was sent.", atomic_load(&f->cut));
}

enum MHD_Result http_metrics(http_request *r)
{
    char *text = NULL, *more = NULL;
    size_t len = 0, more_len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return MHD_NO;
    print_all(out, r->serve);
    /* Of a store that counts (skep_store_counted()); others have no figures. */
    if (skep_store_metrics(r->serve->store, SKEP_METRICS_PROMETHEUS, &more, &more_len) >= 0)
        (void)fwrite(more, 1, more_len, out);
    skep_free(more);
    if (fclose(out) != 0) {
        free(text);
        return MHD_NO;
    }
    return http_answer_text(r, 200, "text/plain; version=0.0.4", text);
}
