/* SPDX-License-Identifier: MIT */
#ifndef SKEP_BENCH_TABLE_H
#define SKEP_BENCH_TABLE_H

#include <stdio.h>

/* A table of text that is printed as Markdown, aligned for a terminal. */

enum { BENCH_TABLE_COLUMNS = 12, BENCH_TABLE_ROWS = 64, BENCH_TABLE_CELL = 80 };

typedef struct bench_table {
    int columns;
    int rows; /* the first is the heading */
    char cell[BENCH_TABLE_ROWS][BENCH_TABLE_COLUMNS][BENCH_TABLE_CELL];
} bench_table;

/* A new row; its cells are filled from the left by bench_table_cell(). */
void bench_table_row(bench_table *table);
void bench_table_cell(bench_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A row of `count` cells at once, for headings. */
void bench_table_heading(bench_table *table, const char *const *text, int count);
void bench_table_print(const bench_table *table, FILE *out);

#endif
