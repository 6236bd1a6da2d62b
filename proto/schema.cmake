# SPDX-License-Identifier: GPL-2.0-or-later
# A FileDescriptorSet as a C array, with its SHA-256: cmake -DSET=event.desc -DOUT=pb_schema.c -P schema.cmake
file(READ ${SET} hex HEX)
file(SHA256 ${SET} sha)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," set "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" set "${set}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," sha "${sha}")
file(WRITE ${OUT} "/* Generated from event.proto. */
#include \"proto/pb_schema.h\"

static const uint8_t set[] = {${set}};
static const uint8_t sha256[] = {${sha}};

const struct bytes pb_schema_set = {(const char *)set, sizeof(set)};
const struct bytes pb_schema_sha256 = {(const char *)sha256, sizeof(sha256)};
")
