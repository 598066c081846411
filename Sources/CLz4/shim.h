#ifndef DOWNLINK_CLZ4_SHIM_H
#define DOWNLINK_CLZ4_SHIM_H
#include <lz4.h>
#endif
