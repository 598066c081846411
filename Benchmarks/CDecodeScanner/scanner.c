#include "decode_scanner.h"
#include <string.h>

/* Reads a varint of up to ten bytes; NULL if it does not end before `end`. */
static inline const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  if (at < end && *at < 0x80) {
    *value = *at;
    return at + 1;
  }
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at == end) return NULL;
    uint8_t byte = *at++;
    result |= (uint64_t)(byte & 0x7F) << (shift & 63);
    if (byte < 0x80) {
      *value = result;
      return at;
    }
  }
  return NULL;
}

/* Reads a length and compares it with what is left; NULL if it is more. */
static inline const uint8_t *read_length(const uint8_t *at, const uint8_t *end, uint32_t *count) {
  uint64_t value;
  at = read_varint(at, end, &value);
  if (!at || value > (uint64_t)(end - at)) return NULL;
  *count = (uint32_t)value;
  return at;
}

static inline const uint8_t *read_text(
    const uint8_t *at, const uint8_t *end, const uint8_t *bytes, scanner_text *out) {
  uint32_t count;
  at = read_length(at, end, &count);
  if (!at) return NULL;
  out->start = (uint32_t)(at - bytes);
  out->count = count;
  return at + count;
}

static inline const uint8_t *read_fixed64(const uint8_t *at, const uint8_t *end, void *out) {
  if (end - at < 8) return NULL;
  memcpy(out, at, 8);
  return at + 8;
}

/* Skips the value of a field that is not read. Groups are refused: nobody writes them here. */
static inline const uint8_t *skip(const uint8_t *at, const uint8_t *end, uint32_t tag) {
  uint64_t value;
  uint32_t count;
  switch (tag & 7) {
    case 0: return read_varint(at, end, &value);
    case 1: return end - at < 8 ? NULL : at + 8;
    case 2:
      at = read_length(at, end, &count);
      return at ? at + count : NULL;
    case 5: return end - at < 4 ? NULL : at + 4;
    default: return NULL;
  }
}

int scanner_read_wide(const uint8_t *bytes, size_t count, scanner_wide *out) {
  const uint8_t *at = bytes, *end = bytes + count;
  out->present = 0;
  while (at < end) {
    uint64_t tag;
    at = read_varint(at, end, &tag);
    if (!at) return -1;
    switch (tag) {
      case 1 << 3 | 2: at = read_text(at, end, bytes, &out->device); break;
      case 2 << 3 | 1: at = read_fixed64(at, end, &out->time); break;
      case 3 << 3 | 2: at = read_text(at, end, bytes, &out->region); break;
      case 4 << 3 | 2: at = read_text(at, end, bytes, &out->firmware); break;
      case 5 << 3 | 0: at = read_varint(at, end, &out->sequence); break;
      case 6 << 3 | 1:
      case 7 << 3 | 1:
      case 8 << 3 | 1:
      case 9 << 3 | 1:
      case 10 << 3 | 1:
      case 11 << 3 | 1:
      case 12 << 3 | 1:
      case 13 << 3 | 1:
      case 14 << 3 | 1:
      case 15 << 3 | 1: at = read_fixed64(at, end, &out->metrics[(tag >> 3) - 6]); break;
      default:
        at = skip(at, end, (uint32_t)tag);
        if (!at) return -1;
        continue;
    }
    if (!at) return -1;
    out->present |= 1u << (tag >> 3);
  }
  return 0;
}

static const uint8_t *read_sample(
    const uint8_t *at, const uint8_t *end, const uint8_t *bytes, scanner_batch *out) {
  size_t row = out->row_count++;
  uint8_t present = 0;
  while (at < end) {
    uint64_t tag;
    at = read_varint(at, end, &tag);
    if (!at) return NULL;
    switch (tag) {
      case 1 << 3 | 1: at = read_fixed64(at, end, &out->times[row]); break;
      case 2 << 3 | 2: at = read_text(at, end, bytes, &out->names[row]); break;
      case 3 << 3 | 1: at = read_fixed64(at, end, &out->values[row]); break;
      default:
        at = skip(at, end, (uint32_t)tag);
        if (!at) return NULL;
        continue;
    }
    if (!at) return NULL;
    present |= (uint8_t)(1u << (tag >> 3));
  }
  out->row_present[row] = present;
  return at;
}

int scanner_read_batch(const uint8_t *bytes, size_t count, scanner_batch *out) {
  const uint8_t *at = bytes, *end = bytes + count;
  out->present = 0;
  out->row_count = 0;
  while (at < end) {
    uint64_t tag;
    uint32_t length;
    at = read_varint(at, end, &tag);
    if (!at) return -1;
    switch (tag) {
      case 1 << 3 | 2: at = read_text(at, end, bytes, &out->device); break;
      case 2 << 3 | 2: at = read_text(at, end, bytes, &out->region); break;
      case 3 << 3 | 2: at = read_text(at, end, bytes, &out->firmware); break;
      case 4 << 3 | 2: at = read_text(at, end, bytes, &out->model); break;
      case 5 << 3 | 0: at = read_varint(at, end, &out->sequence); break;
      case 6 << 3 | 2:
        at = read_length(at, end, &length);
        if (!at || out->row_count == out->row_capacity) return -1;
        at = read_sample(at, at + length, bytes, out);
        break;
      default:
        at = skip(at, end, (uint32_t)tag);
        if (!at) return -1;
        continue;
    }
    if (!at) return -1;
    out->present |= 1u << (tag >> 3);
  }
  return 0;
}

int scanner_read_sparse(const uint8_t *bytes, size_t count, scanner_sparse *out) {
  const uint8_t *at = bytes, *end = bytes + count;
  out->present = 0;
  while (at < end) {
    uint64_t tag, value;
    uint32_t bits;
    float number;
    at = read_varint(at, end, &tag);
    if (!at) return -1;
    switch (tag) {
      case 1 << 3 | 2:
        at = read_text(at, end, bytes, &out->device);
        out->present |= 1;
        break;
      case 2 << 3 | 1:
        at = read_fixed64(at, end, &out->time);
        out->present |= 2;
        break;
      case 48 << 3 | 1:
        at = read_fixed64(at, end, &out->first);
        out->present |= 4;
        break;
      case 97 << 3 | 0:
        at = read_varint(at, end, &value);
        out->second = (int64_t)value;
        out->present |= 8;
        break;
      case 184 << 3 | 5:
        if (end - at < 4) return -1;
        memcpy(&bits, at, 4);
        memcpy(&number, &bits, 4);
        out->third = number;
        at += 4;
        out->present |= 16;
        break;
      default: at = skip(at, end, (uint32_t)tag); break;
    }
    if (!at) return -1;
  }
  return 0;
}
