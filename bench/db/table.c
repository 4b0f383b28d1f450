/* SPDX-License-Identifier: MIT */

#include "table.h"

#include "bench.h"

#include <stdarg.h>
#include <string.h>

void bench_table_row(bench_table *table)
{
    if (table->rows == BENCH_TABLE_ROWS)
        bench_die("the table has too many rows");
    table->rows++;
    table->columns = 0;
}

void bench_table_cell(bench_table *table, const char *fmt, ...)
{
    if (table->columns == BENCH_TABLE_COLUMNS)
        bench_die("the table has too many columns");
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(table->cell[table->rows - 1][table->columns++], BENCH_TABLE_CELL, fmt, args);
    va_end(args);
}

void bench_table_heading(bench_table *table, const char *const *text, int count)
{
    bench_table_row(table);
    for (int i = 0; i < count; i++)
        bench_table_cell(table, "%s", text[i]);
}

/* Columns on the screen: every byte that does not continue a UTF-8 sequence begins a character. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_row(const bench_table *table, int row, const int *width, FILE *out)
{
    for (int c = 0; c < table->columns; c++) {
        const char *text = table->cell[row][c];
        (void)fprintf(out, "| %s%*s ", text, width[c] - width_of(text), "");
    }
    (void)fputs("|\n", out);
}

void bench_table_print(const bench_table *table, FILE *out)
{
    int width[BENCH_TABLE_COLUMNS] = {0};
    for (int r = 0; r < table->rows; r++) {
        for (int c = 0; c < table->columns; c++) {
            int w = width_of(table->cell[r][c]);
            if (w > width[c])
                width[c] = w;
        }
    }
    for (int r = 0; r < table->rows; r++) {
        print_row(table, r, width, out);
        if (r > 0)
            continue;
        for (int c = 0; c < table->columns; c++) {
            (void)fputc('|', out);
            for (int i = 0; i < width[c] + 2; i++)
                (void)fputc('-', out);
        }
        (void)fputs("|\n", out);
    }
}
