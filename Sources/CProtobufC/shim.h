#ifndef DOWNLINK_CPROTOBUFC_SHIM_H
#define DOWNLINK_CPROTOBUFC_SHIM_H
#include <protobuf-c/protobuf-c.h>
#endif
