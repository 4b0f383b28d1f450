# SPDX-License-Identifier: MIT
# What is mended in SQLite3MC 2.4.0 before it is compiled (tools/build-sqlite). tests/harness fails
# without each of these. SQLite's own code is written in another style and matches none of them.
#
# 1. Of the errors that a read can meet only SHORT_READ was handed on. After any other one the read
#    counted as done, with whatever was in the buffer; a checkpoint then wrote that into the database.
#    Mended upstream after 2.4.0 (utelle/SQLite3MultipleCiphers, pull request 272).
s/^\( *\)if (rc == SQLITE_IOERR_SHORT_READ)$/\1if (rc != SQLITE_OK)/
#
# 2. When memory ran out while a connection was opened: a write through NULL if the first of two
#    allocations failed, and if a third one did, SQL functions were registered on memory that was
#    freed.
s/^  if (cloneCodecParams != NULL)$/  if (cloneCipherParams != NULL \&\& cloneCodecParams != NULL)/
s/^    sqlite3_free(cloneCipherParams);$/&\
    sqlite3_free(cloneCodecParams);\
    cloneCodecParams = NULL;/
s/^    \(sqlite3_set_clientdata(db, globalConfigTableName, codecParameterTable, .*)\);$/    if (\1 != SQLITE_OK)\
      codecParameterTable = NULL;/
