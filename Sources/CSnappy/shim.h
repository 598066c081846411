#ifndef DOWNLINK_CSNAPPY_SHIM_H
#define DOWNLINK_CSNAPPY_SHIM_H
#include <snappy-c.h>
#endif
