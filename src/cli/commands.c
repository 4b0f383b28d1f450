/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "cli/key.h"
#include "cli/store/store.h"

const cli_noun cli_nouns[] = {
    {"tour", "See what skep does, on this machine's own files"},
    {"db", "Work on a database: any SQLite file"},
    {"store", "Work on an object store: a directory, S3, a server, a mirror"},
    {"serve", "Offer an object store to other programs and machines"},
    {"key", "Work on the keys of sealed stores"},
    {"bench", "Measure what this machine does"},
    {"version", "Print the versions of skep and of the SQLite inside it"},
    {0},
};

const cli_option cli_globals[] = {
    {CLI_OPT_DIR, 'C', NULL, "DIR", CLI_DIRECTORY, NULL, "Run as if started in DIR", CLI_MAYBE},
    {CLI_OPT_JSON, 0, "json", NULL, CLI_NOTHING, NULL,
     "Print JSON: one object, or one a line for lists", CLI_MAYBE},
    {CLI_OPT_QUIET, 'q', "quiet", NULL, CLI_NOTHING, NULL, "No progress, no remarks: errors only",
     CLI_MAYBE},
    {CLI_OPT_VERBOSE, 'v', "verbose", NULL, CLI_NOTHING, NULL,
     "Also tell times, the detail of errors, and events", CLI_MAYBE},
    {CLI_OPT_HELP, 'h', "help", NULL, CLI_NOTHING, NULL, "Show this help", CLI_MAYBE},
    {CLI_OPT_VERSION, 0, "version", NULL, CLI_NOTHING, NULL, NULL, CLI_MAYBE},
    {CLI_OPT_COMPLETION, 0, "completion", "SHELL", CLI_WORDS, "bash zsh fish", NULL, CLI_MAYBE},
    {0},
};

static const cli_arg no_args[] = {{0}};
static const cli_option no_options[] = {{0}};

static const cli_arg status_args[] = {{"FILE", CLI_FILE, NULL, CLI_ARG_ONCE}, {0}};

static const cli_option key_options[] = {CLI_KEY_OPTIONS, {0}};
static const cli_option check_options[] = {
    {CLI_OPT_FULL, 0, "full", NULL, CLI_NOTHING, NULL,
     "Also compare indexes with their tables, and foreign keys", CLI_MAYBE},
    {CLI_OPT_MAX, 0, "max", "N", CLI_TEXT, NULL, "Stop after N findings; 100", CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};
static const cli_option optimize_options[] = {
    {CLI_OPT_ANALYZE, 0, "analyze", NULL, CLI_NOTHING, NULL,
     "Make the statistics of every table anew", CLI_MAYBE},
    {CLI_OPT_VACUUM, 0, "vacuum", NULL, CLI_NOTHING, NULL,
     "Write the whole file anew, without free pages", CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};
static const cli_option checkpoint_options[] = {
    {CLI_OPT_TRUNCATE, 0, "truncate", NULL, CLI_NOTHING, NULL, "Also cut the -wal to nothing",
     CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};
static const cli_option rekey_options[] = {
    {CLI_OPT_NEW_KEY_FILE, 0, "new-key-file", "F", CLI_FILE, NULL, "Take the new key from F",
     CLI_ONE_OF},
    {CLI_OPT_DECRYPT, 0, "decrypt", NULL, CLI_NOTHING, NULL, "Make a plain file of it", CLI_ONE_OF},
    {CLI_OPT_YES, 0, "yes", NULL, CLI_NOTHING, NULL, "Do not ask before decrypting", CLI_MAYBE},
    CLI_KEY_FILE_OPTION,
    {CLI_OPT_CIPHER, 0, "cipher", "NAME", CLI_WORDS, CLI_CIPHERS,
     "The cipher of the result; else the one it has", CLI_MAYBE},
    {0},
};
static const cli_option stats_options[] = {
    {CLI_OPT_METRICS, 0, "metrics", NULL, CLI_NOTHING, NULL,
     "Print the metrics of who runs it, as Prometheus reads them", CLI_AT_MOST_ONE_OF},
    {CLI_OPT_STATEMENTS, 0, "statements", NULL, CLI_NOTHING, NULL,
     "Print what its statements cost, the most expensive first", CLI_AT_MOST_ONE_OF},
    {CLI_OPT_SLOW, 0, "slow", NULL, CLI_NOTHING, NULL,
     "Print its slow statements, the newest first", CLI_AT_MOST_ONE_OF},
    {CLI_OPT_LIMIT, 0, "limit", "N", CLI_TEXT, NULL, "Show the N largest; the others as one",
     CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};

static const cli_arg query_args[] = {
    {"FILE", CLI_FILE, NULL, CLI_ARG_ONCE}, {"SQL", CLI_TEXT, NULL, CLI_ARG_ONCE}, {0}};
static const cli_option query_options[] = {
    {CLI_OPT_PARAM, 'p', "param", "V", CLI_TEXT, NULL,
     "The value of the next ? in SQL; once for each of them", CLI_MANY},
    {CLI_OPT_CSV, 0, "csv", NULL, CLI_NOTHING, NULL, "Print CSV (RFC 4180) with a header line",
     CLI_MAYBE},
    {CLI_OPT_WRITE, 0, "write", NULL, CLI_NOTHING, NULL,
     "Allow the statement to change the database", CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};

static const cli_arg import_args[] = {
    {"FILE", CLI_FILE, NULL, CLI_ARG_ONCE}, {"DATA", CLI_FILE, NULL, CLI_ARG_ONCE}, {0}};
static const cli_option import_options[] = {
    {CLI_OPT_TABLE, 0, "table", "T", CLI_TEXT, NULL, "The table that the rows go into", CLI_ONCE},
    {CLI_OPT_CREATE, 0, "create", NULL, CLI_NOTHING, NULL,
     "Make the table, and FILE if it is not there", CLI_MAYBE},
    {CLI_OPT_FORMAT, 0, "format", "F", CLI_WORDS, "csv tsv ndjson",
     "What DATA is, if its name does not say it", CLI_MAYBE},
    {CLI_OPT_REJECT, 0, "reject", "R", CLI_FILE, NULL,
     "Write bad records to R and go on with the others", CLI_MAYBE},
    {CLI_OPT_BATCH, 0, "batch", "N", CLI_TEXT, NULL,
     "Commit every N rows, which then stand whatever comes", CLI_MAYBE},
    {CLI_OPT_NULL, 0, "null", "TEXT", CLI_TEXT, NULL,
     "An unquoted field that is TEXT is NULL; else an empty one is", CLI_MAYBE},
    {CLI_OPT_NO_HEADER, 0, "no-header", NULL, CLI_NOTHING, NULL,
     "The first line is data, its fields in the table's order", CLI_MAYBE},
    {CLI_OPT_FORCE, 0, "force", NULL, CLI_NOTHING, NULL, "Replace R if it is there", CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};

static const cli_option export_options[] = {
    {CLI_OPT_TABLE, 0, "table", "T", CLI_TEXT, NULL, "Export this table", CLI_ONE_OF},
    {CLI_OPT_QUERY, 0, "query", "SQL", CLI_TEXT, NULL, "Export what this query gives", CLI_ONE_OF},
    {CLI_OPT_OUT, 'o', "output", "OUT", CLI_FILE, NULL, "Write to OUT instead of standard output",
     CLI_MAYBE},
    {CLI_OPT_FORMAT, 0, "format", "F", CLI_WORDS, "csv tsv ndjson",
     "What to write, if the name of OUT does not say it; csv", CLI_MAYBE},
    {CLI_OPT_FORCE, 0, "force", NULL, CLI_NOTHING, NULL, "Replace OUT if it is there", CLI_MAYBE},
    CLI_KEY_OPTIONS,
    {0},
};

static const cli_arg store_args[] = {{"URI", CLI_TEXT, NULL, CLI_ARG_ONCE}, {0}};
static const cli_option store_no_options[] = {{0}};
static const cli_option store_ls_options[] = {
    {CLI_OPT_PREFIX, 0, "prefix", "P", CLI_TEXT, NULL, "Only keys that begin with P", CLI_MAYBE},
    {CLI_OPT_AFTER, 0, "after", "K", CLI_TEXT, NULL, "Only keys behind K", CLI_MAYBE},
    {CLI_OPT_LIMIT, 0, "limit", "N", CLI_TEXT, NULL, "N of them at most", CLI_MAYBE},
    CLI_SEAL_KEY_OPTION,
    {0},
};
static const cli_arg store_get_args[] = {
    {"URI", CLI_TEXT, NULL, CLI_ARG_ONCE}, {"KEY", CLI_TEXT, NULL, CLI_ARG_ONCE}, {0}};
static const cli_option store_get_options[] = {
    {CLI_OPT_OUT, 'o', "output", "FILE", CLI_FILE, NULL, "Write to FILE instead of standard output",
     CLI_MAYBE},
    {CLI_OPT_FORCE, 0, "force", NULL, CLI_NOTHING, NULL, "Replace FILE if it is there", CLI_MAYBE},
    {CLI_OPT_RAW, 0, "raw", NULL, CLI_NOTHING, NULL, "What is sealed as it is stored", CLI_MAYBE},
    CLI_SEAL_KEY_OPTION,
    {0},
};
static const cli_arg store_put_args[] = {{"URI", CLI_TEXT, NULL, CLI_ARG_ONCE},
                                         {"KEY", CLI_TEXT, NULL, CLI_ARG_ONCE},
                                         {"FILE", CLI_FILE, NULL, CLI_ARG_ONCE},
                                         {0}};
static const cli_option store_put_options[] = {
    {CLI_OPT_CREATE, 0, "create", NULL, CLI_NOTHING, NULL, "Fail if KEY is there already",
     CLI_AT_MOST_ONE_OF},
    {CLI_OPT_IF_ETAG, 0, "if-etag", "E", CLI_TEXT, NULL, "Replace only the object with this etag",
     CLI_AT_MOST_ONE_OF},
    CLI_SEAL_OPTIONS,
    {0},
};
static const cli_arg store_rm_args[] = {
    {"URI", CLI_TEXT, NULL, CLI_ARG_ONCE}, {"KEY", CLI_TEXT, NULL, CLI_ARG_MANY}, {0}};
static const cli_option store_rm_options[] = {
    {CLI_OPT_RECURSIVE, 'r', "recursive", NULL, CLI_NOTHING, NULL,
     "KEY is a folder: everything below it; \"\" is all", CLI_MAYBE},
    {CLI_OPT_YES, 0, "yes", NULL, CLI_NOTHING, NULL, "Do not ask before that", CLI_MAYBE},
    {0},
};
static const cli_arg store_cp_args[] = {
    {"SRC", CLI_FILE, NULL, CLI_ARG_ONCE}, {"DST", CLI_FILE, NULL, CLI_ARG_ONCE}, {0}};
static const cli_arg store_sync_args[] = {
    {"SRC", CLI_FILE, NULL, CLI_ARG_ONCE}, {"DST", CLI_FILE, NULL, CLI_ARG_MAYBE}, {0}};
/* clang-format off */
#define STORE_MANY_OPTIONS                                                                         \
    {CLI_OPT_DRY_RUN, 0, "dry-run", NULL, CLI_NOTHING, NULL, "Only tell what would be done",       \
     CLI_MAYBE},                                                                                   \
    {CLI_OPT_JOBS, 0, "jobs", "N", CLI_TEXT, NULL, "Objects at a time; 8", CLI_MAYBE},             \
    {CLI_OPT_LIMIT_RATE, 0, "limit-rate", "R", CLI_TEXT, NULL, "Bytes a second at most: 20M",      \
     CLI_MAYBE},                                                                                   \
    {CLI_OPT_RAW, 0, "raw", NULL, CLI_NOTHING, NULL, "What is sealed as it is stored", CLI_MAYBE}, \
    {CLI_OPT_PLAIN, 0, "plain", "SIDE", CLI_WORDS, "src dst",                                      \
     "That side is not sealed, whatever keys there are", CLI_MAYBE},                               \
    CLI_SEAL_OPTIONS
/* clang-format on */
static const cli_option store_cp_options[] = {
    {CLI_OPT_RECURSIVE, 'r', "recursive", NULL, CLI_NOTHING, NULL, "Everything below SRC",
     CLI_MAYBE},
    STORE_MANY_OPTIONS,
    {0},
};
static const cli_option store_sync_options[] = {
    {CLI_OPT_DELETE, 0, "delete", NULL, CLI_NOTHING, NULL, "Delete what only DST has", CLI_MAYBE},
    {CLI_OPT_YES, 0, "yes", NULL, CLI_NOTHING, NULL, "Do not ask before that", CLI_MAYBE},
    {CLI_OPT_COMPARE, 0, "compare", "HOW", CLI_WORDS, "hash size bytes never",
     "What tells that two are the same; hash", CLI_MAYBE},
    STORE_MANY_OPTIONS,
    {0},
};

static const cli_option key_generate_options[] = {
    {CLI_OPT_OUT, 'o', "output", "FILE", CLI_FILE, NULL,
     "Keep the key in FILE, which must not be there yet", CLI_MAYBE},
    {0},
};
static const cli_arg key_show_args[] = {{"URI", CLI_TEXT, NULL, CLI_ARG_MAYBE}, {0}};
static const cli_option key_show_options[] = {
    {CLI_OPT_KEY_FILE, 0, "key-file", "F", CLI_FILE, NULL,
     "Tell what the key in F opens; else the one in SKEP_KEY", CLI_MAYBE},
    {0},
};
/* clang-format off */
#define KEY_TO_OPTIONS                                                                             \
    {CLI_OPT_NEW_KEY_FILE, 0, "new-key-file", "F", CLI_FILE, NULL, "Take the new key from F",      \
     CLI_ONE_OF},                                                                                  \
    {CLI_OPT_RECIPIENT, 0, "recipient", "R", CLI_TEXT, NULL, "The new key is the one behind R",    \
     CLI_ONE_OF},                                                                                  \
    {CLI_OPT_KEY_FILE, 0, "key-file", "F", CLI_FILE, NULL,                                         \
     "Take the present key from F, else from SKEP_KEY", CLI_MAYBE}
/* clang-format on */
static const cli_option key_change_options[] = {KEY_TO_OPTIONS, {0}};

static const cli_option bench_options[] = {
    {CLI_OPT_IN, 0, "dir", "DIR", CLI_DIRECTORY, NULL, "Measure the disk that DIR is on",
     CLI_MAYBE},
    {CLI_OPT_SECONDS, 0, "seconds", "N", CLI_TEXT, NULL, "How long to measure; 20", CLI_MAYBE},
    {0},
};

static const cli_arg tour_args[] = {{"CHAPTER", CLI_WORDS, "inventory store", CLI_ARG_MAYBE}, {0}};
static const cli_option tour_options[] = {
    {CLI_OPT_SOURCE, 0, "source", "DIR", CLI_DIRECTORY, NULL,
     "The directory whose files are recorded; /usr/share", CLI_MAYBE},
    {CLI_OPT_CHILD, 0, "crash-child", "DIR", CLI_DIRECTORY, NULL, NULL, CLI_MAYBE},
    {0},
};

static const cli_option serve_options[] = {
    {CLI_OPT_STORE, 0, "store", "URI", CLI_TEXT, NULL, "Serve this store", CLI_ONE_OF},
    {CLI_OPT_GENERATE_KEY, 0, "generate-key", "NAME", CLI_TEXT, NULL,
     "Make an API key, add it to --api-key-file, print it", CLI_ONE_OF},
    {CLI_OPT_LISTEN, 0, "listen", "ADDR:PORT", CLI_TEXT, NULL,
     "Where to listen, port 0 for any; 127.0.0.1:7420", CLI_MAYBE},
    {CLI_OPT_API_KEY_FILE, 0, "api-key-file", "F", CLI_FILE, NULL,
     "Who may do what; read again on SIGHUP", CLI_MAYBE},
    {CLI_OPT_READ_ONLY, 0, "read-only", NULL, CLI_NOTHING, NULL,
     "Change nothing; of a new key: it may read only", CLI_MAYBE},
    {CLI_OPT_PREFIX, 0, "prefix", "P", CLI_TEXT, NULL, "Confine a new key to keys that begin so",
     CLI_MAYBE},
    {CLI_OPT_TLS_CERT, 0, "tls-cert", "F", CLI_FILE, NULL, "Serve https, with this certificate",
     CLI_MAYBE},
    {CLI_OPT_TLS_KEY, 0, "tls-key", "F", CLI_FILE, NULL, "The key of the certificate", CLI_MAYBE},
    {CLI_OPT_BEHIND_PROXY, 0, "behind-proxy", NULL, CLI_NOTHING, NULL,
     "A proxy does TLS, and its X-Forwarded-For is right", CLI_MAYBE},
    {CLI_OPT_INSECURE, 0, "insecure", NULL, CLI_NOTHING, NULL,
     "Serve other machines without TLS all the same", CLI_MAYBE},
    {CLI_OPT_ACCESS_LOG, 0, "access-log", "F", CLI_FILE, NULL,
     "Append a line for each request to F, not to stderr", CLI_MAYBE},
    {CLI_OPT_MAX_OBJECT, 0, "max-object", "BYTES", CLI_TEXT, NULL,
     "The largest object that is taken; 4 TiB", CLI_MAYBE},
    {CLI_OPT_MAX_CONNECTIONS, 0, "max-connections", "N", CLI_TEXT, NULL,
     "Connections at a time; 256", CLI_MAYBE},
    {CLI_OPT_MAX_PER_ADDRESS, 0, "max-per-address", "N", CLI_TEXT, NULL,
     "Of one address at a time; 64", CLI_MAYBE},
    {CLI_OPT_MAX_RATE, 0, "max-rate", "N", CLI_TEXT, NULL,
     "Requests of a key in a second; any number", CLI_MAYBE},
    {CLI_OPT_MIN_SPEED, 0, "min-speed", "BYTES", CLI_TEXT, NULL,
     "End clients that move less in a second; 1024", CLI_MAYBE},
    {CLI_OPT_IDLE, 0, "idle", "SECONDS", CLI_TEXT, NULL,
     "Measured over so long; nothing may be idle longer; 30", CLI_MAYBE},
    {CLI_OPT_GRACE, 0, "grace", "SECONDS", CLI_TEXT, NULL,
     "What runs when it is to end may go on so long; 30", CLI_MAYBE},
    {0},
};

const cli_command cli_commands[] = {
    {"tour", NULL, "See what skep does, on this machine's own files",
     "Each chapter uses a part of skep for real, in a temporary directory that is\n"
     "gone when the tour ends, and prints what it did, with figures.\n"
     "\n"
     "inventory   16 threads record every file below a directory, each file in a\n"
     "            durable transaction of its own; three questions are asked; a\n"
     "            process is killed in the middle of its writes. Under a minute.\n"
     "store       Files become sealed objects, in a directory, and on S3 where\n"
     "            S3_ENDPOINT and S3_BUCKET are set; a flipped bit is named.",
     "skep tour\n"
     "skep tour inventory --source ~\n"
     "skep tour --json\n",
     "skep(1)", tour_args, tour_options, cli_tour},
    {"db", "status", "Show what a database file is",
     "Opens FILE for reading only and leaves it, and what lies beside it, as it is.\n"
     "Where a process runs it with skep, also tells which, whether it is well, and\n"
     "who uses its connections. An encrypted file needs no key for what can be told\n"
     "without one.",
     "skep db status app.db\n"
     "skep db status app.db --json\n",
     "skep-db(1)", status_args, key_options, cli_db_status},
    {"db", "check", "Look for damage",
     "Checks every page of FILE, on a snapshot: others go on reading and writing. Ends\n"
     "with status 1 and one finding a line if anything is wrong, else prints ok.",
     "skep db check app.db\n"
     "skep db check app.db --full\n"
     "skep db check app.db --json\n",
     "skep-db(1)", status_args, check_options, cli_db_check},
    {"db", "stats", "Show what takes the space in a database",
     "Looks at every page of FILE, on one snapshot, and tells for each table and index\n"
     "how many rows it has, how many bytes it takes, which share of the file that is,\n"
     "and how full its pages are; the largest first.\n"
     "\n"
     "--metrics, --statements and --slow ask the process that runs FILE with skep,\n"
     "without touching the database; where none does, the exit status is 1.",
     "skep db stats app.db\n"
     "skep db stats app.db --limit 5\n"
     "skep db stats app.db --json\n"
     "skep db stats app.db --metrics > app.prom\n",
     "skep-db(1)", status_args, stats_options, cli_db_stats},
    {"db", "query", "Run one SQL statement and print its rows",
     "Reads only, unless --write is given: then the statement runs in a durable\n"
     "transaction of its own, and its rows are printed once that is committed.\n"
     "\n"
     "A value V that is written as SQLite writes numbers (42, -1.5) is bound as a\n"
     "number, everything else as text; text:V, int:V, real:V, blob:HEX and null: say\n"
     "it outright.\n"
     "\n"
     "On a terminal the table is fitted to its width. --json prints one object a\n"
     "line: integers exact, blobs as {\"base64\":\"...\"}.",
     "skep db query app.db \"SELECT name, size FROM file ORDER BY size DESC LIMIT 10\"\n"
     "skep db query app.db \"SELECT * FROM file WHERE name = ?\" -p text:007 --json\n"
     "skep db query app.db \"DELETE FROM file WHERE size = ?\" --param 0 --write\n",
     "skep-db(1)", query_args, query_options, cli_db_query},
    {"db", "optimize", "Bring statistics up to date and give free pages back",
     "Changes nothing in what FILE holds. Without options it does what skep does by\n"
     "itself where it runs: statistics where they are old, and free pages where the\n"
     "file can give them back in steps. --vacuum needs up to twice the size of the\n"
     "file on the disk, and others wait with their writes.",
     "skep db optimize app.db\n"
     "skep db optimize app.db --vacuum\n",
     "skep-db(1)", status_args, optimize_options, cli_db_optimize},
    {"db", "checkpoint", "Write the WAL back into the database",
     "As far as readers let it: waits for one in the way, then fails and says who it\n"
     "was.",
     "skep db checkpoint app.db\n"
     "skep db checkpoint app.db --truncate\n",
     "skep-db(1)", status_args, checkpoint_options, cli_db_checkpoint},
    {"db", "import", "Put the records of a CSV, TSV or NDJSON file into a table",
     "All or nothing: a bad record ends the import with FILE:LINE:COLUMN and what is\n"
     "wrong, and leaves the database as it was. With --reject the others go in, and\n"
     "the exit status is 1. DATA may be - for standard input.\n"
     "\n"
     "Values become what the table's columns declare. With --create each column\n"
     "gets the first of INTEGER, REAL, TEXT and BLOB that takes all its values.",
     "skep db import app.db --table person people.csv\n"
     "skep db import new.db --table log --create events.ndjson\n"
     "zcat big.csv.gz | skep db import app.db --table t --format csv -\n"
     "skep db import app.db --table t data.csv --reject bad.csv\n",
     "skep-db(1)", import_args, import_options, cli_db_import},
    {"db", "export", "Write a table, or what a query gives, as CSV, TSV or NDJSON",
     "All rows are of one snapshot. Every value is written so that skep db import\n"
     "reads back the same. OUT appears when it is complete, and is never half.",
     "skep db export app.db --table person -o person.csv\n"
     "skep db export app.db --table log --format ndjson | gzip > log.ndjson.gz\n"
     "skep db export app.db --query \"SELECT id FROM person\" -o ids.tsv --force\n",
     "skep-db(1)", status_args, export_options, cli_db_export},
    {"bench", "db", "Measure writes and reads of a database on this machine",
     "Works in a temporary directory, which is gone when it ends. Everything is\n"
     "measured in short slices that take turns, and shown as the median with the\n"
     "lowest and highest: what this machine did just now, no more.",
     "skep bench db\n"
     "skep bench db --dir /mnt/disk --seconds 60\n"
     "skep bench db --json\n",
     "skep-bench(1)", no_args, bench_options, cli_bench_db},
    {"db", "rekey", "Encrypt a database, change its key, or decrypt it",
     "Nobody may have FILE open meanwhile. When it is interrupted the file opens with\n"
     "exactly one of the two keys, skep db status tells which, and the same command\n"
     "finishes. Decrypting asks on a terminal, and needs --yes elsewhere.",
     "skep db rekey app.db --new-key-file app.key\n"
     "skep db rekey app.db --key-file app.key --new-key-file next.key\n"
     "skep db rekey app.db --key-file app.key --decrypt\n",
     "skep-db(1)", status_args, rekey_options, cli_db_rekey},
    {"store", "status", "Show what a store is, and whether it answers",
     "Ends with status 1 if it does not answer, or if a mirror fails to follow. What\n"
     "cannot be known otherwise is tried with a small object, which is deleted again.",
     "skep store status s3://bucket/prefix\n"
     "skep store status file:/var/backups/store --json\n",
     "skep-store(1)", store_args, store_no_options, cli_store_status},
    {"store", "ls", "List the objects of a store",
     "In the order of their keys, byte by byte. --json prints one object a line: key,\n"
     "bytes, modified, etag.",
     "skep store ls s3://bucket\n"
     "skep store ls file:/var/store --prefix logs/2026 --limit 10\n"
     "skep store ls ./folder --json\n",
     "skep-store(1)", store_args, store_ls_options, cli_store_ls},
    {"store", "get", "Fetch an object",
     "FILE appears when all is there and verified, and is never half. Without -o it\n"
     "goes to standard output; then only the exit status tells that it was whole.",
     "skep store get s3://bucket logs/a.gz -o a.gz\n"
     "skep store get file:/var/store notes.txt\n"
     "skep store get s3://bucket secret --key-file app.key -o secret\n",
     "skep-store(1)", store_get_args, store_get_options, cli_store_get},
    {"store", "put", "Store a file as an object",
     "It is there when the command ends, whole and durable, or it is not there. FILE\n"
     "may be - for standard input. What KEY named before is replaced.",
     "skep store put s3://bucket logs/a.gz a.gz\n"
     "tar c /etc | skep store put s3://bucket etc.tar - --key-file app.key\n"
     "skep store put file:/var/store lock ./me --create\n",
     "skep-store(1)", store_put_args, store_put_options, cli_store_put},
    {"store", "rm", "Delete objects",
     "One that is not there is no failure. -r asks on a terminal, and needs --yes\n"
     "elsewhere.",
     "skep store rm s3://bucket logs/a.gz logs/b.gz\n"
     "skep store rm -r s3://bucket logs --yes\n",
     "skep-store(1)", store_rm_args, store_rm_options, cli_store_rm},
    {"store", "cp", "Copy between this machine and stores",
     "SRC and DST are paths of this machine, or URI#KEY: what stands behind the # is\n"
     "the object. A DST that is a directory, a URI alone, or URI#FOLDER/ takes SRC's\n"
     "name. With -r, what lies below SRC goes below DST, and replaces what is there.",
     "skep store cp a.gz s3://bucket#logs/a.gz\n"
     "skep store cp s3://bucket#logs/a.gz .\n"
     "skep store cp -r ./photos s3://bucket#photos/ --key-file app.key\n"
     "skep store cp s3://bucket/x#key file:/var/store\n",
     "skep-store(1)", store_cp_args, store_cp_options, cli_store_cp},
    {"store", "sync", "Make a store or directory hold what another one holds",
     "Copies what is missing or differs. SRC and DST are as with cp -r. --dry-run ends\n"
     "with status 1 if there is anything to do. --delete asks on a terminal, and needs\n"
     "--yes elsewhere. Of one URI, that of a mirror, the stores are made alike after\n"
     "its own rule; what loses is kept as a branch.",
     "skep store sync ./site s3://bucket --delete --dry-run\n"
     "skep store sync s3://bucket file:/var/copy --jobs 32\n"
     "skep store sync s3://one s3://two?region=eu-west-1 --compare bytes\n"
     "skep store sync mirror:/etc/app/mirror.conf\n",
     "skep-store(1)", store_sync_args, store_sync_options, cli_store_sync},
    {"store", "test", "Try what a store can do, and how fast",
     "Each ability is tried on the live store, with objects of its own that are gone\n"
     "in the end: about 45 MB go there and back. Ends with status 1 if anything fails\n"
     "that every store must do.",
     "skep store test s3://bucket/prefix\n"
     "skep store test http://127.0.0.1:7420 --json\n",
     "skep-store(1)", store_args, store_no_options, cli_store_test},
    {"serve", NULL, "Offer an object store to other programs and machines",
     "Speaks HTTP/1.1: the API that skep uses for http:// and https:// stores. Other\n"
     "machines are let in with API keys and TLS only. SIGTERM and Ctrl-C end it when\n"
     "what runs has ended, or after --grace; a second one at once.",
     "skep serve --store file:/srv/objects\n"
     "skep serve --generate-key laptop --prefix laptop/ --api-key-file keys\n"
     "skep serve --store file:/srv/objects --listen 0.0.0.0:7420 \\\n"
     "    --api-key-file keys --tls-cert cert.pem --tls-key key.pem\n",
     "skep-serve(1)", no_args, serve_options, cli_serve},
    {"key", "generate", "Make a new key",
     "32 random bytes as 44 characters. -o keeps them in a file that only you can\n"
     "read, and prints the recipient that seals for this key; else the key itself is\n"
     "printed. A key that is lost takes with it all that it opens.",
     "skep key generate -o app.key\n"
     "skep key generate | secret-tool store --label=app app key\n",
     "skep-key(1)", no_args, key_generate_options, cli_key_generate},
    {"key", "show", "Show who opens what is sealed in a store",
     "One line for each key and each secret that opens it; nothing of it is secret.\n"
     "With a key, also tells which of them it is; if it is none, the status is 1.\n"
     "Without URI, prints the recipient of the key.",
     "skep key show s3://bucket/prefix\n"
     "skep key show s3://bucket/prefix --key-file app.key\n"
     "skep key show --key-file app.key\n",
     "skep-key(1)", key_show_args, key_show_options, cli_key_show},
    {"key", "wrap", "Let one more key open what is sealed in a store",
     "What was sealed stays as it is. Where nothing is sealed yet, and no present key\n"
     "is given, the store's key ring is made, which else the first put does.",
     "skep key wrap s3://bucket --key-file app.key --new-key-file spare.key\n"
     "skep key wrap s3://bucket --key-file app.key --recipient x25519:...\n",
     "skep-key(1)", store_args, key_change_options, cli_key_wrap},
    {"key", "rotate", "Let another key open what is sealed in a store, and not this one",
     "What was sealed stays as it is. Who has kept the old key and an old copy of the\n"
     "key ring still opens that: after a theft, copy the store with skep store sync.",
     "skep key rotate s3://bucket --key-file app.key --new-key-file next.key\n"
     "skep key rotate s3://bucket --key-file app.key --recipient x25519:...\n",
     "skep-key(1)", store_args, key_change_options, cli_key_rotate},
    {"version", NULL, "Print the versions of skep and of the SQLite inside it", NULL,
     "skep version\n"
     "skep version --json\n",
     "skep(1)", no_args, no_options, cli_version},
    {0},
};
