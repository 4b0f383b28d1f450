# SPDX-License-Identifier: MIT
# What is mended in SQLite3MC 2.4.0 before it is compiled (tools/build-sqlite). tests/harness and
# tests/faults fail without each of these. SQLite's own code is written in another style and matches
# none of them.
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
#
# 3. A rekey that failed half-way was rolled back with the new key: the pages that had reached the
#    file already got it, the others kept the old one, and the journal was gone. Rolling back now
#    goes back to the key that the pages are read with first, or fails and leaves the journal hot.
s/^static int pager_playback(Pager \*pPager, int isHot){$/SQLITE_PRIVATE int sqlite3mcRollbackCipher(sqlite3_file* pFile);\
&/
s/^  u32 savedPageSize = pPager->pageSize;$/&\
  if( !isHot \&\& (rc = sqlite3mcRollbackCipher(pPager->fd))!=SQLITE_OK ) return rc;/
/^static int mcReadMainDb(sqlite3_file\* pFile, void\* buffer, int count, sqlite3_int64 offset)$/i\
SQLITE_PRIVATE int sqlite3mcRollbackCipher(sqlite3_file* pFile)\
{\
  Codec* codec;\
  int i = IOMETHODS_VERSION_MIN;\
  while (i <= IOMETHODS_VERSION_MAX && pFile->pMethods != mcIoMethodsGlobal[i]) ++i;\
  if (i > IOMETHODS_VERSION_MAX) return SQLITE_OK;\
  codec = ((sqlite3mc_file*) pFile)->codec;\
  if (codec == 0 || !sqlite3mcIsEncrypted(codec)) return SQLITE_OK;\
  if (codec->m_hasReadCipher)\
  {\
    int rc = sqlite3mcCopyCipher(codec, 1);\
    if (rc != SQLITE_OK) return rc;\
  }\
  codec->m_hasWriteCipher = codec->m_hasReadCipher;\
  codec->m_writeReserved = codec->m_readReserved;\
  return SQLITE_OK;\
}
#
# 4. Where a sector is as large as a page (pages of 512 bytes, or a disk without powersafe overwrite),
#    the headers inside a rollback journal were taken for pages and encrypted, so that a crash could
#    not be rolled back: the checksum behind a page counted as the number of another page.
s/^  int pageNo; .*$/&\
  sqlite3_int64 pageEnd;/
s/^  mcFile->pageNo = 0;$/&\
  mcFile->pageEnd = -1;/
/^static int mcWriteMainJournal(/,/^}/{
s/^      rc = REALFILE(pFile)->pMethods->xWrite(REALFILE(pFile), bufferEncrypted, pageSize, offset);$/&\
      mcFile->pageNo = 0;\
      mcFile->pageEnd = offset + count;/
s/mcFile->pageNo = (rc == SQLITE_OK) ?/mcFile->pageNo = (rc == SQLITE_OK \&\& offset != mcFile->pageEnd) ?/
}
#
# 5. Memory that ran out while the first connection of a process was opened: a name was copied to
#    NULL; and what had been registered by then was registered once more the next time, so that the
#    numbers of all ciphers behind it were off.
s/^      char\* paramName = (char\*) sqlite3_malloc(.*);$/&\
      if (!paramName)\
      {\
        while (n > 0) sqlite3_free((char*) cipherParams[--n].m_name);\
        sqlite3_free(cipherParams);\
        globalCodecParameterTable[globalCipherCount] = globalSentinelParams;\
        globalCodecDescriptorTable[--globalCipherCount].m_name = globalSentinelName;\
        return SQLITE_NOMEM;\
      }/
s/^  int rc = sqlite3mcInitCipherTables();$/  int rc;\
  if (globalCipherCount > 0) sqlite3mcTermCipherTables();\
  rc = sqlite3mcInitCipherTables();/
