#ifndef DOWNLINK_BUILTIN_MESSAGES_H
#define DOWNLINK_BUILTIN_MESSAGES_H
#include "telemetry.pb-c.h"

/* The generated descriptors are C constants, and Swift imports a constant as a value: taking its
   address would be taking the address of a copy. These two functions return the address itself. */
static inline const ProtobufCMessageDescriptor *downlink_device_telemetry(void) {
  return &fleet__telemetry__v1__device_telemetry__descriptor;
}

static inline const ProtobufCMessageDescriptor *downlink_telemetry_batch(void) {
  return &fleet__telemetry__v1__telemetry_batch__descriptor;
}
#endif
