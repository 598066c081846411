#ifndef DOWNLINK_BUILTIN_MESSAGES_H
#define DOWNLINK_BUILTIN_MESSAGES_H
#include <stddef.h>
#include <stdint.h>
#include "descriptor.pb-c.h"

/* telemetry.binpb.c */
extern const uint8_t downlink_telemetry_set_bytes[];
extern const size_t downlink_telemetry_set_byte_count;

/* Swift imports a C constant as a value: taking its address would be taking the address of a copy.
   These functions return the address itself. */
static inline const uint8_t *downlink_telemetry_set(void) { return downlink_telemetry_set_bytes; }

static inline const ProtobufCMessageDescriptor *downlink_file_descriptor_set(void) {
  return &downlink__descriptor__file_descriptor_set__descriptor;
}
#endif
