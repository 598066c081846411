/* Hand-written scanners of three messages, as somebody would write them who knows the message: the
   yardstick of DecodeBenchmark. They read the wire once, check every length, and write the same
   values to flat arrays that the wire plan writes to its slots: numbers as words, texts as stretches
   of the payload. */
#ifndef DOWNLINK_DECODE_SCANNER_H
#define DOWNLINK_DECODE_SCANNER_H
#include <stddef.h>
#include <stdint.h>

/* A stretch of the payload. */
typedef struct {
  uint32_t start;
  uint32_t count;
} scanner_text;

/* One DeviceTelemetry: bit n of `present` is field n. */
typedef struct {
  uint32_t present;
  scanner_text device, region, firmware;
  uint64_t time, sequence;
  double metrics[10];
} scanner_wide;

/* One TelemetryBatch and its rows, each column in an array of its own. */
typedef struct {
  uint32_t present;
  scanner_text device, region, firmware, model;
  uint64_t sequence;
  size_t row_count, row_capacity;
  uint8_t *row_present;
  uint64_t *times;
  scanner_text *names;
  double *values;
} scanner_batch;

/* The five fields that are read of a message of 200. */
typedef struct {
  uint32_t present;
  scanner_text device;
  uint64_t time;
  double first;
  int64_t second;
  double third;
} scanner_sparse;

/* Each returns 0 if the message is sound, else -1. */
int scanner_read_wide(const uint8_t *bytes, size_t count, scanner_wide *out);
int scanner_read_batch(const uint8_t *bytes, size_t count, scanner_batch *out);
int scanner_read_sparse(const uint8_t *bytes, size_t count, scanner_sparse *out);
#endif
